/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A pid from a list is a number that may be somebody else's by now. So each is opened first and only then looked at: who
 * is in the cgroup after that is the one that the pidfd holds, or a later bearer, and then the pidfd's is dead.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/proc.h"
#include "kernel/cgroup.h"

enum {
    PROCS_BYTES_MAX = 1024 * 1024, /* of cgroup.procs: 100,000 processes */
    CGROUP_PATH_MAX = 4096,
};

typedef struct Walk {
    const char *place; /* the directory as /proc/PID/cgroup has it */
    const int *signals;
    unsigned levels; /* that may still be looked into */
    unsigned n_signaled;
} Walk;

static void signal_pid(Walk *walk, pid_t pid) {
    _cleanup_(cleanup_close) int pidfd = pidfd_open(pid, 0);
    char path[64], text[CGROUP_PATH_MAX];
    bool is_heard = true;
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int) pid);
    if (pidfd < 0 || file_read_at(AT_FDCWD, path, text, sizeof text) < 0 || !proc_cgroup_is_within(text, walk->place))
        return;
    for (const int *signal = walk->signals; *signal && is_heard; signal++)
        is_heard = pidfd_send_signal(pidfd, *signal, NULL, 0) == 0;
    walk->n_signaled += is_heard;
}

static int signal_processes(Walk *walk, int dir_fd) {
    _cleanup_(cleanup_free) char *text = NULL;
    size_t length;
    int r = file_read_all_at(dir_fd, "cgroup.procs", PROCS_BYTES_MAX, &text, &length);
    char *rest = text;
    if (r < 0)
        return r;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line)
            signal_pid(walk, atoi(line));
    return 0;
}

/* What is gone meanwhile has nobody in it. */
static int signal_inside(void *userdata, int parent_fd, const char *name) {
    Walk *walk = userdata;
    _cleanup_(cleanup_close) int fd = -1;
    if (cgroup_open(parent_fd, name, &fd) < 0 || signal_processes(walk, fd) < 0 || walk->levels == 0)
        return 0;
    walk->levels--;
    cgroup_each(fd, signal_inside, walk);
    walk->levels++;
    return 0;
}

/* The path of the directory below the mount. */
static int place_of(int dir_fd, const char *mount, char buffer[static CGROUP_PATH_MAX]) {
    char link[64];
    size_t length = strlen(mount);
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir_fd);
    ssize_t n = readlink(link, buffer, CGROUP_PATH_MAX - 1);
    if (n < 0)
        return -errno;
    buffer[n] = '\0';
    if (n == CGROUP_PATH_MAX - 1 || strncmp(buffer, mount, length) != 0 || buffer[length] != '/')
        return -ENAMETOOLONG;
    memmove(buffer, buffer + length, (size_t) n - length + 1);
    return 0;
}

int cgroup_signal(int dir_fd, const char *mount, const int *signals, unsigned *ret_n_signaled) {
    char place[CGROUP_PATH_MAX];
    Walk walk = { .place = place, .signals = signals, .levels = CGROUP_NESTING_MAX };
    int r = place_of(dir_fd, mount, place);
    if (r == 0)
        r = signal_processes(&walk, dir_fd);
    if (r == 0)
        r = cgroup_each(dir_fd, signal_inside, &walk);
    if (r == 0)
        *ret_n_signaled = walk.n_signaled;
    return r;
}
