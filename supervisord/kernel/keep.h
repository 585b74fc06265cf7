/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where no exit record can be had, PID 1 keeps the pidfds of main processes for the daemon after us: from Linux 6.15 on
 * they tell how a process ended, also long after it is gone. Without systemd, or on an older kernel, nothing is kept.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "model/invocation.h"

typedef struct Kept {
    Invocation invocation;
    int pidfd;
} Kept;

/* What PID 1 has handed back. */
typedef struct Keep {
    Kept *items;
    size_t n;
    int socket_fd; /* of a socket unit; -1: there is none */
} Keep;

#define KEEP_NULL \
    { .socket_fd = -1 }

int keep_open(Keep *ret); /* takes them out of the environment; -ENOMEM */
void keep_done(Keep *keep);
void keep_close_processes(Keep *keep);                         /* the socket stays */
int keep_find(const Keep *keep, const Invocation *invocation); /* its pidfd, borrowed; -1 */

/* Any thread. */
void keep_process(const Invocation *invocation, int pidfd);
void keep_forget(const Invocation *invocation);
