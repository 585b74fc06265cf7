/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Namespaces that are ready, on a real kernel: as good as one that is made for its start, or not taken at all. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel/pool.h"
#include "tests/live/network-fixture.h"

enum { SPARES = 8 };

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
static void test_taken(Pool *pool, const Policy *policy) {
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
static void test_changes(Links *links, Pool *pool, const Policy *policy) {
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
static void test_without_bridge(Links *links, Pool *pool, const Policy *policy) {
    BridgeFound found[1];
    int fd = -1;

    tend(pool, policy);
    CHECK_EQ(links_list_bridges(links, found, 1), 1);
    CHECK(!found[0].has_ports);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), 0);
    CHECK_EQ(links_bridge_make(links, &lab), 0);
    CHECK_EQ(take(pool, 1, &fd), -ENOENT);
    tend(pool, policy);
    CHECK_EQ(take(pool, 1, &fd), 0);
    check_talk(fd);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), -EBUSY);
    close(fd);
}

int main(void) {
    Links *links = lab_open();
    Network *networks[] = { &lab };
    const Policy policy = { .networks = networks, .n_networks = 1 };
    size_t before = count_links();
    Pool *pool;

    CHECK_EQ(links_bridge_make(links, &lab), 0);
    CHECK_EQ(pool_new(links, &pool), 0);
    lab.warm_pool = SPARES;
    test_taken(pool, &policy);
    test_changes(links, pool, &policy);
    test_without_bridge(links, pool, &policy);
    pool_free(pool);
    check_links_become(before + 1);
    CHECK_EQ(links_bridge_remove(links, lab_bridge), 0);
    links_close(links);
    return EXIT_SUCCESS;
}
