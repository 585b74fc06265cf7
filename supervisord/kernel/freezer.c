/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Its leaf is there from before it starts until nobody stands any more: so it is known what is to be put right. */

#include "kernel/freezer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crash-point.h"
#include "base/file.h"
#include "kernel/applier.h"
#include "kernel/cgroup.h"
#include "kernel/companion.h"

#define PROGRAM "supervisord-freezer"

enum { END_TIMEOUT_USEC = 2 * 1000 * 1000 };

int freezer_state(int tree_fd, FreezerState *ret) {
    _cleanup_(cleanup_close) int leaf_fd = -1;
    bool populated;
    int r = cgroup_open(tree_fd, FREEZER_LEAF, &leaf_fd);
    if (r == -ENOENT) {
        *ret = FREEZER_ABSENT;
        return 0;
    }
    if (r == 0)
        r = cgroup_populated(leaf_fd, &populated);
    if (r == 0)
        *ret = populated ? FREEZER_RUNS : FREEZER_DIED;
    return r;
}

int freezer_open(int tree_fd, int *ret_pidfd) {
    char text[64];
    int pid;
    ssize_t length = file_read_at(tree_fd, FREEZER_LEAF "/cgroup.procs", text, sizeof text);
    if (length <= 0 || sscanf(text, "%d", &pid) != 1)
        return -ESRCH;
    int fd = (int) syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return -errno;
    *ret_pidfd = fd;
    return 0;
}

/* --- letting go on ----------------------------------------------------------------------------------------------- */

static int thaw_leaf(int dir_fd) {
    bool stands;
    int r = cgroup_frozen(dir_fd, &stands);
    return r == 0 && stands ? cgroup_freeze(dir_fd, false, 0) : r;
}

/* Whom one cannot let go on is no reason to leave others standing. */
static int on_directory(void *userdata, int parent_fd, const char *name) {
    _cleanup_(cleanup_close) int fd = -1;
    int *first_error = userdata;
    CgroupMark mark;
    int r = cgroup_open(parent_fd, name, &fd);
    if (r == 0)
        r = cgroup_mark_read(fd, &mark);
    if (r < 0)
        return 0; /* somebody else's, or gone meanwhile */
    r = mark.leaf ? thaw_leaf(fd) : cgroup_each(fd, on_directory, userdata);
    if (r < 0 && r != -ENODEV && *first_error == 0)
        *first_error = r;
    return 0;
}

static int thaw(int tree_fd) {
    int first_error = 0, r = cgroup_each(tree_fd, on_directory, &first_error);
    return first_error < 0 ? first_error : r;
}

/* --- its life ---------------------------------------------------------------------------------------------------- */

int freezer_start(int tree_fd) {
    char *arguments[] = { (char *) PROGRAM, NULL };
    int r = thaw(tree_fd);
    crash_point("thawed");
    if (r == 0)
        r = companion_start(tree_fd, FREEZER_LEAF, 1, arguments, (const int[]){ tree_fd, -1 });
    crash_point("freezer started");
    return r;
}

int freezer_stop(int tree_fd) {
    _cleanup_(cleanup_close) int leaf_fd = -1;
    int r = cgroup_open(tree_fd, FREEZER_LEAF, &leaf_fd);
    if (r == 0)
        r = cgroup_kill(leaf_fd);
    if (r == 0)
        r = cgroup_wait_empty(leaf_fd, END_TIMEOUT_USEC);
    crash_point("freezer killed");
    if (r == 0)
        r = thaw(tree_fd);
    crash_point("all thawed");
    return r < 0 ? r : cgroup_remove(tree_fd, FREEZER_LEAF);
}

int apply_freezer_start(const Applier *a, Step *step) {
    int r = freezer_start(a->target->tree->fd);
    return r < 0 ? step_failed(step, r, "cannot start " PROGRAM " for Scheduler=freeze") : 0;
}

int apply_freezer_stop(const Applier *a, Step *step) {
    int r = freezer_stop(a->target->tree->fd);
    return r < 0 ? step_failed(step, r, "cannot stop " PROGRAM) : 0;
}
