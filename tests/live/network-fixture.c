/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tests/live/network-fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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
