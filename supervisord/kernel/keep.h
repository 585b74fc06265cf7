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
    int socket_fd;    /* the control socket, of a socket unit; -1: there is none */
    char **strangers; /* names of what was neither, and is closed; owned */
} Keep;

#define KEEP_NULL \
    { .socket_fd = -1 }

/* Takes them out of the environment. The control socket is what listens at socket_path. */
int keep_open(const char *socket_path, Keep *ret);
void keep_done(Keep *keep);
void keep_close_processes(Keep *keep);                         /* the socket stays */
int keep_find(const Keep *keep, const Invocation *invocation); /* its pidfd, borrowed; -1 */

/* Any thread. */
void keep_process(const Invocation *invocation, int pidfd);
void keep_forget(const Invocation *invocation);
