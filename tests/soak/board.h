/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Board: memory that the soak shares with the workloads of its fleet. They write on it when they began and how they end, so
 * that the truth is known whatever the daemon says; it tells them when to be quiet.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/parse.h"

enum { BOARD_EVENTS = 1 << 15 }; /* a ring: many more than one round can have */

typedef struct Event {
    uint32_t number; /* its own, from 1, once all of it is written */
    bool end;        /* else a start */
    bool signaled;
    int code; /* of an end: exit code, or signal */
    pid_t pid;
    uint64_t at_usec; /* CLOCK_MONOTONIC */
    char name[NAME_LENGTH_MAX + 1];
} Event;

typedef struct Board {
    uint32_t calm; /* a futex: nobody ends while it is 1 */
    uint32_t seed;
    uint32_t life_msec; /* at most */
    uint32_t n_events;  /* ever taken */
    Event events[BOARD_EVENTS];
} Board;
