/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A pid from a list is a number that may be somebody else's by now. So each is opened first and only then looked at: who
 * is in the cgroup after that is the one that the pidfd holds, or a later bearer, and then the pidfd's is dead.
 */

#include "kernel/group-signal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/strv.h"
#include "kernel/cgroup.h"

enum {
    PROCS_BYTES_MAX = 1024 * 1024, /* of cgroup.procs: 100,000 processes */
    CGROUP_PATH_MAX = 4096,
};

typedef struct Walk {
    const char *place; /* the workload's directory as /proc/PID/cgroup has it */
    int signal;
    unsigned n_signaled;
} Walk;

static void signal_pid(Walk *walk, pid_t pid) {
    _cleanup_(cleanup_close) int pidfd = pidfd_open(pid, 0);
    char path[64], text[CGROUP_PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int) pid);
    if (pidfd >= 0 && file_read_at(AT_FDCWD, path, text, sizeof text) >= 0 &&
            proc_cgroup_is_within(text, walk->place) && pidfd_send_signal(pidfd, walk->signal, NULL, 0) == 0)
        walk->n_signaled++;
}

static int signal_directory(void *userdata, int parent_fd, const char *name) {
    Walk *walk = userdata;
    _cleanup_(cleanup_close) int fd = -1;
    _cleanup_(cleanup_free) char *text = NULL;
    size_t length;
    if (cgroup_open(parent_fd, name, &fd) < 0 ||
            file_read_all_at(fd, "cgroup.procs", PROCS_BYTES_MAX, &text, &length) < 0)
        return 0; /* gone meanwhile */
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line)
            signal_pid(walk, atoi(line));
    return cgroup_each(fd, signal_directory, walk);
}

static int kill_leaf(void *userdata, int parent_fd, const char *name) {
    Walk *walk = userdata;
    _cleanup_(cleanup_close) int fd = -1;
    bool populated;
    CgroupMark mark;
    if (cgroup_open(parent_fd, name, &fd) == 0 && cgroup_mark_read(fd, &mark) == 0 && mark.leaf &&
            cgroup_populated(fd, &populated) == 0 && populated && cgroup_kill(fd) == 0)
        walk->n_signaled++;
    return 0;
}

int group_signal(const Tree *tree, const char *path, int signal) {
    _cleanup_(cleanup_close) int fd = -1;
    _cleanup_(cleanup_free) char *place = NULL;
    int r = cgroup_open(tree->fd, path, &fd);
    if (r == 0)
        r = text_printf(&place, "%s/%s", tree->path + strlen(tree->mount), path);
    if (r < 0)
        return r == -ENOENT ? -ESRCH : r;
    Walk walk = { .place = place, .signal = signal };
    r = cgroup_each(fd, signal == SIGKILL ? kill_leaf : signal_directory, &walk);
    if (r == 0 && walk.n_signaled == 0)
        r = -ESRCH;
    return r;
}
