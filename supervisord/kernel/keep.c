/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The service manager's descriptor store, sd_pid_notify_with_fds(3). It must not look at them (FDPOLL=0): they are of use
 * only after it would think that they are of none.
 */

#include "kernel/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "base/strv.h"
#include "kernel/process.h"

#define NAME_PREFIX "start-"

enum { NOTIFICATION_SIZE = 96 };

static atomic_bool has_kept; /* this daemon or the one before it; else there is nothing to forget */

static bool read_name(const char *name, Invocation *ret) {
    return strncmp(name, NAME_PREFIX, strlen(NAME_PREFIX)) == 0 &&
           invocation_parse(name + strlen(NAME_PREFIX), ret) == 0;
}

/* accept4(2) must not wait for one that has changed its mind. */
static bool is_control_socket(int fd, const char *path) {
    return sd_is_socket_unix(fd, SOCK_STREAM, 1, path, 0) > 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

static int take(Keep *keep, int fd, const char *name, const char *socket_path) {
    Kept *kept = keep->items + keep->n;
    if (read_name(name, &kept->invocation)) {
        kept->pidfd = fd;
        keep->n++;
        has_kept = true;
        return 0;
    }
    if (keep->socket_fd < 0 && is_control_socket(fd, socket_path)) {
        keep->socket_fd = fd;
        return 0;
    }
    close_fd(fd);
    return strv_push(&keep->strangers, name);
}

int keep_open(const char *socket_path, Keep *ret) {
    _cleanup_(cleanup_strv_free) char **names = NULL;
    _cleanup_(keep_done) Keep keep = KEEP_NULL;
    int n = sd_listen_fds_with_names(true, &names), r = 0;
    if (n < 0)
        return n;
    keep.items = calloc((size_t) n + 1, sizeof *keep.items);
    if (!keep.items)
        return -ENOMEM;
    for (int i = 0; i < n && r == 0; i++)
        r = take(&keep, SD_LISTEN_FDS_START + i, names[i], socket_path);
    if (r < 0)
        return r;
    *ret = keep;
    keep = (Keep) KEEP_NULL;
    return 0;
}

void keep_close_processes(Keep *keep) {
    for (size_t i = 0; i < keep->n; i++)
        close_fd(keep->items[i].pidfd);
    free(keep->items);
    keep->items = NULL;
    keep->n = 0;
}

void keep_done(Keep *keep) {
    keep_close_processes(keep);
    keep->strangers = strv_free(keep->strangers);
    keep->socket_fd = close_fd(keep->socket_fd);
}

int keep_find(const Keep *keep, const Invocation *invocation) {
    for (size_t i = 0; i < keep->n; i++)
        if (invocation_equal(&keep->items[i].invocation, invocation))
            return keep->items[i].pidfd;
    return -1;
}

static void write_notification(const char *what, const Invocation *invocation, char text[static NOTIFICATION_SIZE]) {
    char name[INVOCATION_TEXT_SIZE];
    snprintf(text, NOTIFICATION_SIZE, "%s\nFDNAME=" NAME_PREFIX "%s", what, invocation_format(invocation, name));
}

/* Whether a pidfd tells how a process ended that nobody can wait for any more; looked at once. 6.13 tells all but that. */
static bool pidfds_tell_exits(void) {
    static atomic_int known; /* 1: they do; -1: they do not */
    if (known == 0)
        known = process_can_tell_exits() ? 1 : -1;
    return known > 0;
}

void keep_process(const Invocation *invocation, int pidfd) {
    char text[NOTIFICATION_SIZE];
    if (!pidfds_tell_exits())
        return;
    write_notification("FDSTORE=1\nFDPOLL=0", invocation, text);
    if (sd_pid_notify_with_fds(0, false, text, &pidfd, 1) > 0)
        has_kept = true;
}

void keep_forget(const Invocation *invocation) {
    char text[NOTIFICATION_SIZE];
    if (!has_kept)
        return;
    write_notification("FDSTOREREMOVE=1", invocation, text);
    sd_notify(false, text);
}
