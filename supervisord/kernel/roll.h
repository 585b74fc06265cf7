/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A roll: who is in a cgroup, and in what the payload made inside, at the time that it is taken; to be signaled some at a
 * time. One that is forked meanwhile may be missed.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

enum {
    ROLL_PROCESSES_MAX = 128 * 1024,
    ROLL_DIRECTORIES_MAX = 4096,
    ROLL_AT_ONCE = 256, /* some 3 ms: for who must not block */
};

typedef struct Roll Roll;

/* mount: cgroup2's. -EFBIG: more than that are there. */
int roll_take(int dir_fd, const char *mount, Roll **ret);
Roll *roll_free(Roll *roll);
DEFINE_CLEANUP(Roll *, roll_free);
/* Sends the signals, up to a 0, to the next of them, at_most so many. False: these were the last. */
bool roll_signal(Roll *roll, const int *signals, size_t at_most);
size_t roll_n_signaled(const Roll *roll);
