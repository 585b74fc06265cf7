/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Starting a relay. It holds nothing of ours, nor we of it: it is nobody's child once it is ready, and finds out by itself
 * when it is done.
 */

#include "kernel/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/strv.h"
#include "kernel/companion.h"

#define PROGRAM "supervisord-relay"

static int run(const RelaySpec *spec, int pipe_fd) {
    char interval[24], burst[24], uid[16], gid[16];
    char *arguments[] = { (char *) PROGRAM, (char *) spec->name, interval, burst, uid, gid, NULL };

    snprintf(interval, sizeof interval, "%" PRIu64, spec->rate.interval_usec);
    snprintf(burst, sizeof burst, "%" PRIu64, spec->rate.burst);
    snprintf(uid, sizeof uid, "%u", spec->uid);
    snprintf(gid, sizeof gid, "%u", spec->gid);
    return companion_start(spec->tree_fd, RELAY_LEAF, spec->at_most, arguments, (const int[]){ pipe_fd, spec->out_fd });
}

/* *ret_fd: the pipe's end to be written to. */
static int start(const RelaySpec *spec, int *ret_fd) {
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    int r = run(spec, fds[0]);
    close_fd(fds[0]);
    if (r < 0) {
        close_fd(fds[1]);
        return r;
    }
    *ret_fd = fds[1];
    return 0;
}

int relay_start(const RelaySpec *spec, int *ret_fd, char **ret_message) {
    int r = start(spec, ret_fd);

    if (r == -EUSERS)
        text_printf(ret_message, "cannot start " PROGRAM " for LogRateLimitBurst=: %u run already", spec->at_most);
    else if (r < 0)
        text_printf(ret_message, "cannot start " PROGRAM " for LogRateLimitBurst=: %s", strerror(-r));
    return r;
}
