/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Bridges, namespaces and veths on a real kernel, as root, in a network namespace made for the test. What passes through
 * is seen by plain sockets at its ends.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>

#include "base/cleanup.h"
#include "kernel/process.h"
#include "tests/live/network-fixture.h"

enum { WIRES_MAX = 16 };

static int make_test_bridge(Links *links) {
    return links_bridge_make(links, &lab);
}

static void check_bridge(Links *links, const Network *network) {
    BridgeFound found[4];

    CHECK_EQ(links_bridge_make(links, network), 0);
    CHECK_EQ(links_list_bridges(links, found, ELEMENTSOF(found)), 1);
    CHECK_STREQ(found[0].name, network->name);
    CHECK_STREQ(found[0].bridge, network->bridge);
    CHECK_EQ(found[0].mtu_bytes, network->mtu_bytes);
    for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++)
        CHECK(subnet_equal(found[0].subnets + family, network->subnets + family));
}

static void test_bridge(Links *links) {
    BridgeFound found[4];
    size_t before = count_links();

    CHECK_EQ(links_list_bridges(links, found, ELEMENTSOF(found)), 0);
    CHECK_EQ(make_test_bridge(links), 0);
    CHECK_EQ(make_test_bridge(links), 0);
    CHECK_EQ(count_links(), before + 1);

    Network changed = lab_with("10.213.0.2/16", "fd13:2::1/112", 1400), single = lab_with("10.213.0.1/24", NULL, 9000);
    check_bridge(links, &lab);
    check_bridge(links, &changed);
    check_bridge(links, &single);
    check_bridge(links, &lab);

    CHECK_EQ(links_bridge_remove(links, lab_bridge), 0);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), 0);
    CHECK_EQ(count_links(), before);
}

/* What a daemon leaves that died between creating the bridge and naming it. */
static void test_bridge_half_made(Links *links) {
    struct nl_sock *socket = nl_socket_alloc();
    struct rtnl_link *link, *change = rtnl_link_alloc();
    BridgeFound found[1];

    CHECK_EQ(make_test_bridge(links), 0);
    CHECK_EQ(nl_connect(socket, NETLINK_ROUTE), 0);
    CHECK_EQ(rtnl_link_get_kernel(socket, 0, lab_bridge, &link), 0);
    rtnl_link_set_ifalias(change, "");
    CHECK_EQ(rtnl_link_change(socket, link, change, 0), 0);
    CHECK_EQ(links_list_bridges(links, found, 1), 0);

    CHECK_EQ(make_test_bridge(links), 0);
    CHECK_EQ(links_list_bridges(links, found, 1), 1);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), 0);

    rtnl_link_put(change);
    rtnl_link_put(link);
    nl_socket_free(socket);
}

static void test_bridge_of_others(Links *links) {
    Links *other = NULL;
    struct nl_sock *socket = nl_socket_alloc();

    CHECK_EQ(nl_connect(socket, NETLINK_ROUTE), 0);
    CHECK_EQ(rtnl_link_bridge_add(socket, lab_bridge), 0);
    CHECK_EQ(make_test_bridge(links), -EEXIST);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), -EEXIST);
    char loopback_name[] = "lo";
    Network loopback = lab;
    loopback.bridge = loopback_name;
    CHECK_EQ(links_bridge_make(links, &loopback), -EEXIST);

    struct rtnl_link *link;
    CHECK_EQ(rtnl_link_get_kernel(socket, 0, lab_bridge, &link), 0);
    CHECK(!(rtnl_link_get_flags(link) & IFF_UP));
    CHECK_EQ(rtnl_link_delete(socket, link), 0);
    rtnl_link_put(link);
    nl_socket_free(socket);

    CHECK_EQ(links_open("other", NULL, &other), 0);
    CHECK_EQ(make_test_bridge(other), 0);
    CHECK_EQ(make_test_bridge(links), -EEXIST);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), -EEXIST);
    CHECK_EQ(links_bridge_remove(other, lab_bridge), 0);
    links_close(other);
}

static void test_names(void) {
    Invocation a = { .bytes = { 1 } }, b = { .bytes = { 2 } };
    char first[IFNAMSIZ], second[IFNAMSIZ];
    Links *links = NULL;

    links_veth_name("web", &a, 0, first);
    CHECK_EQ(strlen(first), 13);
    CHECK(strncmp(first, "sv", 2) == 0 && strspn(first + 2, "0123456789abcdef") == 11);
    links_veth_name("web", &b, 0, second);
    CHECK(strcmp(first, second) != 0);
    links_veth_name("wea", &a, 0, second);
    CHECK(strcmp(first, second) != 0);
    links_veth_name("web", &a, 1, second);
    CHECK(strcmp(first, second) != 0);

    CHECK_EQ(links_open("not:a:name", NULL, &links), -EINVAL);
    CHECK(!links);
}

/* Failures must bring the thread home too. */
static void test_namespace_failures(Links *links) {
    _cleanup_(cleanup_close) int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC), bare_fd = -1;
    ino_t here = namespace_here();
    uint64_t rate = 7, ticks;
    int fd = -1;

    CHECK_EQ(links_egress_get(links, null_fd, &rate), -EINVAL);
    CHECK_EQ(rate, 7);
    CHECK_EQ(namespace_here(), here);
    CHECK_EQ(process_start_ticks(getpid(), &ticks), 0);
    CHECK_EQ(links_namespace_of(getpid(), ticks, &fd), -ENODEV); /* our own: its eth0 is not ours to shape */
    CHECK_EQ(fd, -1);
    CHECK_EQ(links_namespace_new(&bare_fd), 0);
    CHECK_EQ(links_egress_get(links, bare_fd, &rate), -ENODEV);
    CHECK_EQ(namespace_here(), here);

    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    CHECK_EQ(waitpid(gone, NULL, 0), gone);
    CHECK_EQ(links_namespace_of(gone, ticks, &fd), -ESRCH);
    CHECK_EQ(fd, -1);
}

/* The pid of a mark may be another process's by now, whose eth0 is not ours to shape. */
static void test_namespace_of_another(void) {
    _cleanup_(cleanup_close) int found_fd = -1;
    int barrier[2], fd = -1;
    uint64_t ticks;
    char byte;

    CHECK_EQ(pipe2(barrier, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNET) == 0 && write(barrier[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    close(barrier[1]);
    CHECK_EQ(read(barrier[0], &byte, 1), 1);
    CHECK_EQ(process_start_ticks(child, &ticks), 0);
    CHECK_EQ(links_namespace_of(child, ticks, &found_fd), 0);
    CHECK_EQ(links_namespace_of(child, ticks - 1, &fd), -ESRCH);
    CHECK_EQ(fd, -1);
    close(barrier[0]);
    kill(child, SIGKILL);
    CHECK_EQ(waitpid(child, NULL, 0), child);
}

/* Many at once, timed; nothing may be left when the descriptors are closed. */
static void test_many(Links *links) {
    uint64_t new_usec[WIRES_MAX], wire_usec[WIRES_MAX];
    int fds[WIRES_MAX];
    size_t before = count_links();

    for (uint8_t i = 0; i < WIRES_MAX; i++) {
        uint64_t begin = now_usec();
        fds[i] = namespace_new();
        new_usec[i] = now_usec() - begin;

        begin = now_usec();
        wire_up(links, fds[i], i + 10);
        wire_usec[i] = now_usec() - begin;
    }
    CHECK_EQ(count_links(), before + WIRES_MAX);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), -EBUSY);
    printf("namespace_new %" PRIu64 " us, wire %" PRIu64 " us (medians of %u)\n", median(new_usec, WIRES_MAX),
            median(wire_usec, WIRES_MAX), WIRES_MAX);

    for (size_t i = 0; i < WIRES_MAX; i++)
        close(fds[i]);
    check_links_become(before);
}

/* A namespace that is wired already, or a bridge that is not there: an error, and nothing is left. */
static void test_wire_failures(Links *links, int namespace_fd) {
    Invocation invocation = { .bytes = { 99 } };
    Attachment attachment = attachment_of(99);
    const LinkWire wire = { .workload = "web", .invocation = &invocation, .attachment = &attachment };
    char absent[] = "absent0";
    size_t before = count_links();

    CHECK_EQ(links_wire(links, namespace_fd, &wire), -EEXIST);
    lab.bridge = absent;
    CHECK_EQ(links_wire(links, namespace_fd, &wire), -ENODEV);
    lab.bridge = lab_bridge;
    CHECK_EQ(count_links(), before);
}

int main(void) {
    Links *links = lab_open();
    size_t before = count_links();

    test_names();
    test_namespace_failures(links);
    test_namespace_of_another();
    test_bridge(links);
    test_bridge_half_made(links);
    test_bridge_of_others(links);

    CHECK_EQ(make_test_bridge(links), 0);
    int namespace_fd = namespace_new();
    wire_up(links, namespace_fd, 1);
    check_addresses(namespace_fd);
    check_talk(namespace_fd);
    test_wire_failures(links, namespace_fd);
    test_many(links);

    close(namespace_fd);
    check_links_become(before + 1);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), 0);
    CHECK_EQ(count_links(), before);
    links_close(links);
    return EXIT_SUCCESS;
}
