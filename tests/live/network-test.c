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
#include "kernel/pool.h"
#include "kernel/process.h"
#include "tests/live/network-fixture.h"

enum { WIRES_MAX = 16, SPARES = 8 };

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

static void greet(int fd) {
    CHECK_EQ(write(fd, "hello", 5), 5);
    CHECK_EQ(shutdown(fd, SHUT_WR), 0);
}

static void hear(int fd) {
    char text[16] = "";

    CHECK_EQ(recv(fd, text, sizeof(text), MSG_WAITALL), 5);
    CHECK_STREQ(text, "hello");
}

static void check_exit(pid_t pid) {
    int status;

    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

static void child_greets(int fd) {
    greet(connect_to("10.213.0.1"));
}

static void child_hears(int fd) {
    int listen_fd = listen_at("10.213.0.11");

    CHECK_EQ(write(fd, "r", 1), 1);
    hear(accept(listen_fd, NULL, NULL));
}

static void check_addresses(int namespace_fd) {
    const Attachment attachment = attachment_of(1);
    Subnet found[ADDRESS_FAMILIES_COUNT];

    CHECK_EQ(links_addresses(namespace_fd, 0, found), 0);
    for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++) {
        CHECK(address_equal(&found[family].gateway, attachment.addresses + family));
        CHECK_EQ(found[family].prefix_length, lab.subnets[family].prefix_length);
    }
    CHECK_EQ(links_addresses(namespace_fd, 1, found), -ENODEV);
}

static void check_talk(int namespace_fd) {
    _cleanup_(cleanup_close) int listen_fd = listen_at("10.213.0.1");
    int ready[2];
    char byte;

    pid_t pid = fork_inside(namespace_fd, child_greets, -1);
    _cleanup_(cleanup_close) int in_fd = accept(listen_fd, NULL, NULL);
    hear(in_fd);
    check_exit(pid);

    CHECK_EQ(pipe2(ready, O_CLOEXEC), 0);
    pid = fork_inside(namespace_fd, child_hears, ready[1]);
    CHECK_EQ(read(ready[0], &byte, 1), 1);
    _cleanup_(cleanup_close) int out_fd = connect_to("10.213.0.11");
    greet(out_fd);
    check_exit(pid);
    close(ready[0]);
    close(ready[1]);
}

static int compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return (x > y) - (x < y);
}

static uint64_t median(uint64_t *values, size_t n) {
    qsort(values, n, sizeof(*values), compare);
    return values[n / 2];
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

/* --- namespaces that are ready ------------------------------------------------------------------------------------ */

static void tend(Pool *pool, const Policy *policy) {
    int r;

    while ((r = pool_tend(pool, policy)) > 0)
        ;
    CHECK_EQ(r, 0);
}

static int take(Pool *pool, uint8_t serial, int *ret_namespace_fd) {
    LabWire buffer;
    ino_t here = namespace_here();

    int r = pool_take(pool, wire_of(serial, &buffer), ret_namespace_fd);
    CHECK_EQ(namespace_here(), here);
    return r;
}

/* As good as one that was made for its start, and no trace of it is left. */
static void test_pool_taken(Pool *pool, const Policy *policy) {
    uint64_t usec[SPARES];
    int fds[SPARES], fd = -1;
    size_t before = count_links();

    tend(pool, policy);
    CHECK_EQ(count_links(), before + SPARES);
    for (uint8_t i = 0; i < SPARES; i++) {
        uint64_t begin = now_usec();
        CHECK_EQ(take(pool, i + 1, &fds[i]), 0);
        usec[i] = now_usec() - begin;
    }
    printf("pool_take %" PRIu64 " us (median of %u)\n", median(usec, SPARES), SPARES);
    CHECK_EQ(take(pool, SPARES + 1, &fd), -ENOENT);
    CHECK_EQ(fd, -1);
    check_addresses(fds[0]);
    check_talk(fds[0]);
    for (size_t i = 0; i < SPARES; i++)
        close(fds[i]);
    check_links_become(before);
}

/* The pool follows the policy, and nobody gets what was made for an earlier one. */
static void test_pool_changes(Links *links, Pool *pool, const Policy *policy) {
    size_t before = count_links();
    int fd = -1;

    tend(pool, policy);
    lab.mtu_bytes = 1400;
    CHECK_EQ(take(pool, 1, &fd), -ENOENT);
    lab.warm_pool = 1;
    tend(pool, policy);
    check_links_become(before + 1);
    lab.mtu_bytes = 1500;
    tend(pool, policy);
    check_links_become(before + 1);
    lab.warm_pool = 0;
    tend(pool, policy);
    check_links_become(before);
    lab.warm_pool = SPARES;
}

/* The bridge may go below them: then they are of no use. */
static void test_pool_without_bridge(Links *links, Pool *pool, const Policy *policy) {
    BridgeFound found[1];
    int fd = -1;

    tend(pool, policy);
    CHECK_EQ(links_list_bridges(links, found, 1), 1);
    CHECK(!found[0].has_ports);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), 0);
    CHECK_EQ(make_test_bridge(links), 0);
    CHECK_EQ(take(pool, 1, &fd), -ENOENT);
    tend(pool, policy);
    CHECK_EQ(take(pool, 1, &fd), 0);
    check_talk(fd);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), -EBUSY);
    close(fd);
}

static void test_pool(Links *links) {
    Network *networks[] = { &lab };
    const Policy policy = { .networks = networks, .n_networks = 1 };
    size_t before = count_links();
    Pool *pool;

    CHECK_EQ(pool_new(links, &pool), 0);
    lab.warm_pool = SPARES;
    test_pool_taken(pool, &policy);
    test_pool_changes(links, pool, &policy);
    test_pool_without_bridge(links, pool, &policy);
    pool_free(pool);
    check_links_become(before);
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
    test_pool(links);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), 0);
    CHECK_EQ(count_links(), before);
    links_close(links);
    return EXIT_SUCCESS;
}
