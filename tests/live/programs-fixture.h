/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where the live tests of our eBPF programs run: pins in a bpf file system of a mount namespace, packets in a network
 * namespace, and cgroups in one directory below the first cgroup2 mount, which a parent process removes whatever
 * happens.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "kernel/programs.h"
#include "tests/unit/check.h"

enum {
    SLOTS = 16,
    MIB = 1024 * 1024,
};

#define NSEC_PER_SEC UINT64_C(1000000000)
#define PIN_ROOT "/sys/fs/bpf/supervisord-test"
#define PIN_DIR PIN_ROOT "/v1"

/* Checks that `actual` is within `percent` of `expected`. */
#define CHECK_NEAR(actual, expected, percent)                                                                        \
    do {                                                                                                             \
        double _actual = (double) (actual), _expected = (double) (expected);                                         \
        if (_actual < _expected * (1 - (percent) / 100.0) || _actual > _expected * (1 + (percent) / 100.0))          \
            CHECK_FAIL("%s is %.0f, expected %.0f within %.2f %%", #actual, _actual, _expected, (double) (percent)); \
        printf("%-28s %14.0f  expected %14.0f  %+.3f %%\n", #actual, _actual, _expected,                             \
                (_actual / _expected - 1) * 100);                                                                    \
    } while (0)

/* A workload as the daemon makes it: NAME/ bound as owner, NAME/1/ as leaf. */
typedef struct Workload {
    int owner_fd;
    int leaf_fd;
    uint64_t owner_id;
    uint64_t leaf_id;
    uint32_t slot;
} Workload;

extern int tree_fd;

/* Runs `test` as root in the namespaces, cleans up after it, returns an exit status. --controllers in argv: those
 * that the tree is to have are enabled in the root cgroup too (in a VM, where nobody else minds). */
int run_in_fixture(int argc, char *argv[], void (*test)(void));

/* Whether the tree has a controller. */
bool tree_has(const char *controller);

uint64_t now_nsec(void);
int wait_for(pid_t pid);
uint64_t start_ticks(pid_t pid);
void write_file(int dir_fd, const char *name, const char *text);
/* The calling process moves. */
void join(int cgroup_fd);
int make_cgroup(int dir_fd, const char *name, uint64_t *ret_id);
Workload make_workload(Programs *programs, const char *name);
void remove_workload(Programs *programs, Workload *w, const char *name);
struct slot read_slot(Programs *programs, uint32_t slot);
uint64_t histogram_sum(const uint64_t *histogram);

Programs *open_programs(bool no_storage);
/* Removes all that is pinned in PIN_ROOT, and that; it need not be there. */
void unpin(void);
/* Says which programs are loaded, and fails if one that every kernel in reach has is not. */
void check_states(Programs *programs);
