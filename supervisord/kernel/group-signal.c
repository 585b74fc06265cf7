/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SIGKILL is the kernel's to give, to each leaf as a whole; other signals go from process to process. */

#include "kernel/group-signal.h"

#include <errno.h>
#include <signal.h>

#include "base/cleanup.h"
#include "kernel/cgroup.h"
#include "kernel/roll.h"

static int kill_leaf(void *userdata, int parent_fd, const char *name) {
    unsigned *n_killed = userdata;
    _cleanup_(cleanup_close) int fd = -1;
    bool populated;
    CgroupMark mark;
    if (cgroup_open(parent_fd, name, &fd) == 0 && cgroup_mark_read(fd, &mark) == 0 && mark.leaf &&
            cgroup_populated(fd, &populated) == 0 && populated && cgroup_kill(fd) == 0)
        ++*n_killed;
    return 0;
}

static int signal_all(int dir_fd, const char *mount, int signal, unsigned *n) {
    _cleanup_(cleanup_roll_free) Roll *roll = NULL;
    int r = roll_take(dir_fd, mount, &roll);
    if (r < 0)
        return r;
    roll_signal(roll, (int[]){ signal, 0 }, ROLL_PROCESSES_MAX);
    *n = (unsigned) roll_n_signaled(roll);
    return 0;
}

int group_signal(const Tree *tree, const char *path, int signal) {
    _cleanup_(cleanup_close) int fd = -1;
    unsigned n = 0;
    int r = cgroup_open(tree->fd, path, &fd);
    if (r == 0)
        r = signal == SIGKILL ? cgroup_each(fd, kill_leaf, &n) : signal_all(fd, tree->mount, signal, &n);
    return r == -ENOENT || (r == 0 && n == 0) ? -ESRCH : r;
}
