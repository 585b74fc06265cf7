/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Bridges, namespaces, veths and shaping on a real kernel, as root. All of it happens in a network namespace made for the
 * test, so the host's links are never touched. What passes through is counted by plain sockets at its ends.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "kernel/network.h"
#include "tests/unit/check.h"

enum {
    EXIT_SKIP = 77,
    PORT = 4711,
    WIRES_MAX = 16,
    GONE_USEC_MAX = 5 * 1000 * 1000,
    MEASURE_USEC = 2 * 1000 * 1000,
    SETTLE_USEC = 1000 * 1000,
    UNSHAPED_MARGIN = 3, /* a rate that is this many times below what passes unshaped must be reached */
};

#define MBIT UINT64_C(125000) /* bytes per second */

static uint64_t now_usec(void) {
    struct timespec now;

    CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return now.tv_sec * USEC_PER_SEC + now.tv_nsec / NSEC_PER_USEC;
}

static size_t count_links(void) {
    struct if_nameindex *links = if_nameindex();
    size_t n = 0;

    CHECK(links);
    while (links[n].if_index)
        n++;
    if_freenameindex(links);
    return n;
}

static ino_t namespace_here(void) {
    struct stat status;

    CHECK_EQ(stat("/proc/thread-self/ns/net", &status), 0);
    return status.st_ino;
}

/* The kernel takes a namespace away some time after its last descriptor. */
static void check_links_become(size_t expected) {
    uint64_t deadline = now_usec() + GONE_USEC_MAX;

    while (count_links() != expected && now_usec() < deadline)
        usleep(10 * 1000);
    CHECK_EQ(count_links(), expected);
}

static int namespace_new(void) {
    int fd = -1;
    ino_t here = namespace_here();

    CHECK_EQ(links_namespace_new(&fd), 0);
    CHECK_EQ(namespace_here(), here);
    return fd;
}

static char lab_name[] = "lab", lab_bridge[] = "svtest0", loopback_name[] = "lo";
static Network lab;

static Subnet subnet_of(const char *text) {
    Subnet subnet = { 0 };

    CHECK_EQ(address_parse_prefix(text, &subnet), 0);
    return subnet;
}

static Network lab_with(const char *ipv4, const char *ipv6, uint64_t mtu_bytes) {
    Network network = { .name = lab_name, .bridge = lab_bridge, .mtu_bytes = mtu_bytes };

    network.subnets[ADDRESS_IPV4] = subnet_of(ipv4);
    if (ipv6)
        network.subnets[ADDRESS_IPV6] = subnet_of(ipv6);
    return network;
}

static Attachment attachment_of(uint8_t serial) {
    return (Attachment){
        .network = &lab,
        .addresses = { subnet_host(lab.subnets + ADDRESS_IPV4, serial + 10U),
                subnet_host(lab.subnets + ADDRESS_IPV6, serial + 10U) },
    };
}

static void wire_up(Links *links, int namespace_fd, uint8_t serial) {
    Invocation invocation = { .bytes = { serial } };
    Attachment attachment = attachment_of(serial);
    const LinkWire wire = { .workload = "web", .invocation = &invocation, .attachment = &attachment };
    ino_t here = namespace_here();

    CHECK_EQ(links_wire(links, namespace_fd, &wire), 0);
    CHECK_EQ(namespace_here(), here);
}

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
    uint64_t rate = 7;
    int fd = -1;

    CHECK_EQ(links_egress_get(links, null_fd, &rate), -EINVAL);
    CHECK_EQ(rate, 7);
    CHECK_EQ(namespace_here(), here);
    CHECK_EQ(links_namespace_of(getpid(), &fd), -ENODEV); /* our own: its eth0 is not ours to shape */
    CHECK_EQ(fd, -1);
    CHECK_EQ(links_namespace_new(&bare_fd), 0);
    CHECK_EQ(links_egress_get(links, bare_fd, &rate), -ENODEV);
    CHECK_EQ(namespace_here(), here);

    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    CHECK_EQ(waitpid(gone, NULL, 0), gone);
    CHECK_EQ(links_namespace_of(gone, &fd), -ESRCH);
    CHECK_EQ(fd, -1);
}

static struct sockaddr_in endpoint(const char *address) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = inet_addr(address)
    };
}

static int listen_at(const char *address) {
    struct sockaddr_in local = endpoint(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

    CHECK(fd >= 0);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
    CHECK_EQ(bind(fd, (struct sockaddr *) &local, sizeof(local)), 0);
    CHECK_EQ(listen(fd, 1), 0);
    return fd;
}

static int connect_to(const char *address) {
    struct sockaddr_in remote = endpoint(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    if (connect(fd, (struct sockaddr *) &remote, sizeof(remote)) < 0)
        CHECK_FAIL("cannot connect to %s: %s", address, strerror(errno));
    return fd;
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

/* Runs `act` in a child inside the namespace; it has at most a minute. */
static pid_t fork_inside(int namespace_fd, void (*act)(int fd), int fd) {
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid > 0)
        return pid;

    alarm(60);
    CHECK_EQ(setns(namespace_fd, CLONE_NEWNET), 0);
    act(fd);
    _exit(EXIT_SUCCESS);
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

static void child_sends(int fd) {
    static const char zeros[256 * 1024];
    int out_fd = connect_to("10.213.0.1");

    signal(SIGPIPE, SIG_IGN);
    while (write(out_fd, zeros, sizeof(zeros)) > 0)
        ;
}

static uint64_t receive_for(int fd, uint64_t usec) {
    static char buffer[1024 * 1024];
    uint64_t end = now_usec() + usec, sum = 0;

    while (now_usec() < end) {
        struct pollfd readable = { .fd = fd, .events = POLLIN };

        if (poll(&readable, 1, 1) <= 0)
            continue;
        ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        CHECK(n > 0);
        sum += n;
    }
    return sum;
}

/* What arrives of one TCP flow, in percent of the rate (payload: frames carry 95.6 % of it). */
static double measure(int fd, uint64_t rate) {
    receive_for(fd, SETTLE_USEC);
    uint64_t begin = now_usec(), sum = receive_for(fd, MEASURE_USEC);
    double percent = 100.0 * sum / ((double) rate * (now_usec() - begin) / USEC_PER_SEC);

    printf("egress %6.0f Mbit/s: %5.1f %% of it arrives\n", (double) rate / MBIT, percent);
    return percent;
}

static void check_rate(Links *links, int namespace_fd, uint64_t rate) {
    uint64_t found;

    CHECK_EQ(links_egress_set(links, namespace_fd, rate), 0);
    CHECK_EQ(links_egress_get(links, namespace_fd, &found), 0);
    CHECK(found == rate);
}

static void check_rates_exact(Links *links, int namespace_fd) {
    static const uint64_t rates[] = { 1, 999, 6250000, 123456789, UINT32_MAX - 1, UINT32_MAX, UINT64_C(1) << 32,
        UINT64_C(12500000000) };

    for (size_t i = 0; i < ELEMENTSOF(rates); i++)
        check_rate(links, namespace_fd, rates[i]);
    CHECK_EQ(links_egress_set(links, namespace_fd, 0), -EINVAL);
    check_rate(links, namespace_fd, AMOUNT_INFINITY);
    check_rate(links, namespace_fd, AMOUNT_INFINITY);
}

/* What the flow carries without a shaper, bytes per second. */
static uint64_t measure_unshaped(int fd) {
    uint64_t begin = now_usec(), sum = receive_for(fd, MEASURE_USEC / 2);

    return sum * USEC_PER_SEC / (now_usec() - begin);
}

/*
 * One flow, whose rate is changed under way. Never more than the rate arrives; not less either, where this machine has
 * several times the rate to give just now.
 */
static void check_egress(Links *links, int namespace_fd) {
    static const uint64_t rates[] = { 50 * MBIT, 2 * MBIT, 400 * MBIT, 10 * MBIT, 200 * MBIT };
    _cleanup_(cleanup_close) int listen_fd = listen_at("10.213.0.1");
    uint64_t overlimits = 0, before = 0, drops;

    CHECK_EQ(links_egress_witness(links, namespace_fd, &overlimits, &drops), -ENODATA);
    pid_t pid = fork_inside(namespace_fd, child_sends, -1);
    _cleanup_(cleanup_close) int fd = accept(listen_fd, NULL, NULL);
    uint64_t unshaped = measure_unshaped(fd);
    printf("egress without a shaper: %.0f Mbit/s\n", (double) unshaped / MBIT);

    for (size_t i = 0; i < ELEMENTSOF(rates); i++, before = overlimits) {
        check_rate(links, namespace_fd, rates[i]);
        double percent = measure(fd, rates[i]);
        CHECK(percent < 110);
        CHECK(percent > 90 || rates[i] > unshaped / UNSHAPED_MARGIN);
        CHECK_EQ(links_egress_witness(links, namespace_fd, &overlimits, &drops), 0);
        CHECK(overlimits > before);
    }
    check_rate(links, namespace_fd, AMOUNT_INFINITY);
    CHECK(measure_unshaped(fd) > unshaped / UNSHAPED_MARGIN);

    CHECK_EQ(shutdown(fd, SHUT_RDWR), 0);
    kill(pid, SIGKILL);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* False where the kernel has no tbf. */
static bool test_egress(Links *links, int namespace_fd) {
    uint64_t rate;

    CHECK_EQ(links_egress_get(links, namespace_fd, &rate), 0);
    CHECK(rate == AMOUNT_INFINITY);
    int r = links_egress_set(links, namespace_fd, 50 * MBIT);
    if (r == -ENOENT)
        return false;
    CHECK_EQ(r, 0);
    CHECK_EQ(links_egress_set(links, namespace_fd, AMOUNT_INFINITY), 0);

    check_rates_exact(links, namespace_fd);
    check_egress(links, namespace_fd);
    return true;
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

int main(void) {
    Links *links = NULL;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
        printf("skipped: cannot make a network namespace: %s\n", geteuid() ? "not root" : strerror(errno));
        return EXIT_SKIP;
    }
    alarm(120);
    lab = lab_with("10.213.0.1/24", "fd13::1/64", 1500);
    CHECK_EQ(links_open("test", NULL, &links), 0);
    size_t before = count_links();

    test_names();
    test_namespace_failures(links);
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
    if (!test_egress(links, namespace_fd))
        printf("egress not tested: this kernel has no tbf (CONFIG_NET_SCH_TBF)\n");

    close(namespace_fd);
    check_links_become(before + 1);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), 0);
    CHECK_EQ(count_links(), before);
    links_close(links);
    return EXIT_SUCCESS;
}
