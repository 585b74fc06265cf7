/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tests/live/network-fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"

enum {
    PORT = 4711,
    GONE_USEC_MAX = 60 * 1000 * 1000,
    TEST_TIMEOUT_SEC = 120,
};

uint64_t now_usec(void) {
    struct timespec now;

    CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return now.tv_sec * USEC_PER_SEC + now.tv_nsec / NSEC_PER_USEC;
}

size_t count_links(void) {
    struct if_nameindex *links = if_nameindex();
    size_t n = 0;

    CHECK(links);
    while (links[n].if_index)
        n++;
    if_freenameindex(links);
    return n;
}

ino_t namespace_here(void) {
    struct stat status;

    CHECK_EQ(stat("/proc/thread-self/ns/net", &status), 0);
    return status.st_ino;
}

void check_links_become(size_t expected) {
    uint64_t deadline = now_usec() + GONE_USEC_MAX;

    while (count_links() != expected && now_usec() < deadline)
        usleep(10 * 1000);
    CHECK_EQ(count_links(), expected);
}

int namespace_new(void) {
    int fd = -1;
    ino_t here = namespace_here();

    CHECK_EQ(links_namespace_new(&fd), 0);
    CHECK_EQ(namespace_here(), here);
    return fd;
}

char lab_bridge[] = "svtest0";
Network lab;
static char lab_name[] = "lab";

static Subnet subnet_of(const char *text) {
    Subnet subnet = { 0 };

    CHECK_EQ(address_parse_prefix(text, &subnet), 0);
    return subnet;
}

Network lab_with(const char *ipv4, const char *ipv6, uint64_t mtu_bytes) {
    Network network = { .name = lab_name, .bridge = lab_bridge, .mtu_bytes = mtu_bytes };

    network.subnets[ADDRESS_IPV4] = subnet_of(ipv4);
    if (ipv6)
        network.subnets[ADDRESS_IPV6] = subnet_of(ipv6);
    return network;
}

Attachment attachment_of(uint8_t serial) {
    return (Attachment){
        .network = &lab,
        .addresses = { subnet_host(lab.subnets + ADDRESS_IPV4, serial + 10U),
                subnet_host(lab.subnets + ADDRESS_IPV6, serial + 10U) },
    };
}

const char *workload_of(uint8_t serial, char name[static WORKLOAD_NAME_SIZE]) {
    snprintf(name, WORKLOAD_NAME_SIZE, "web%u", serial);
    return name;
}

const LinkWire *wire_of(uint8_t serial, LabWire *buffer) {
    buffer->invocation = (Invocation){ .bytes = { serial } };
    buffer->attachment = attachment_of(serial);
    buffer->wire = (LinkWire){
        .workload = workload_of(serial, buffer->name),
        .invocation = &buffer->invocation,
        .attachment = &buffer->attachment,
    };
    return &buffer->wire;
}

void wire_up(Links *links, int namespace_fd, uint8_t serial) {
    LabWire buffer;
    ino_t here = namespace_here();

    CHECK_EQ(links_wire(links, namespace_fd, wire_of(serial, &buffer)), 0);
    CHECK_EQ(namespace_here(), here);
}

static struct sockaddr_in endpoint(const char *address) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = inet_addr(address)
    };
}

int listen_at(const char *address) {
    struct sockaddr_in local = endpoint(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

    CHECK(fd >= 0);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), 0);
    CHECK_EQ(bind(fd, (struct sockaddr *) &local, sizeof(local)), 0);
    CHECK_EQ(listen(fd, 1), 0);
    return fd;
}

int connect_to(const char *address) {
    struct sockaddr_in remote = endpoint(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    if (connect(fd, (struct sockaddr *) &remote, sizeof(remote)) < 0)
        CHECK_FAIL("cannot connect to %s: %s", address, strerror(errno));
    return fd;
}

pid_t fork_inside(int namespace_fd, void (*act)(int fd), int fd) {
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

void check_addresses(int namespace_fd) {
    const Attachment attachment = attachment_of(1);
    Subnet found[ADDRESS_FAMILIES_COUNT];

    CHECK_EQ(links_addresses(namespace_fd, 0, found), 0);
    for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++) {
        CHECK(address_equal(&found[family].gateway, attachment.addresses + family));
        CHECK_EQ(found[family].prefix_length, lab.subnets[family].prefix_length);
    }
    CHECK_EQ(links_addresses(namespace_fd, 1, found), -ENODEV);
}

void check_talk(int namespace_fd) {
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

uint64_t median(uint64_t *values, size_t n) {
    qsort(values, n, sizeof(*values), compare);
    return values[n / 2];
}

Links *lab_open(void) {
    Links *links = NULL;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
        printf("skipped: cannot make a network namespace: %s\n", geteuid() ? "not root" : strerror(errno));
        exit(EXIT_SKIP);
    }
    alarm(TEST_TIMEOUT_SEC);
    lab = lab_with("10.213.0.1/24", "fd13::1/64", 1500);
    CHECK_EQ(links_open("test", NULL, &links), 0);
    return links;
}
