/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Directories of slices and workloads, and the leaves of ended starts. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crash-point.h"
#include "kernel/applier.h"
#include "kernel/cgroup.h"

enum {
    LEAF_EMPTY_TIMEOUT_USEC = 2 * 1000 * 1000,
    FREEZE_TIMEOUT_USEC = 1000 * 1000, /* a process stands still when it leaves the kernel, usually within 5 ms */
};

/* "a/b/c" -> "c" */
static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int open_parent(const Applier *a, const char *path, int *ret_fd) {
    size_t length = base_name(path) - path;
    char parent[PATH_MAX];
    if (length >= sizeof parent)
        return -ENAMETOOLONG;
    *(char *) mempcpy(parent, path, length) = '\0';
    return applier_open(a, parent, ret_fd);
}

/* What it counts is the slice's when the group has gone. */
static uint32_t allocate_slot(const Applier *a, int parent_fd) {
    CgroupMark parent;
    uint32_t slot;
    if (!a->target->programs || programs_slot_alloc(a->target->programs, &slot) < 0)
        return SLOT_NONE;
    if (cgroup_mark_read(parent_fd, &parent) == 0 && parent.slot != SLOT_NONE)
        programs_slot_bequeath(a->target->programs, slot, parent.slot);
    return slot;
}

static int mark_group(const Applier *a, const Step *step, int parent_fd, int fd) {
    CgroupMark mark = { .kind = step->group_kind, .slot = allocate_slot(a, parent_fd) };
    strncpy(mark.name, step->object, sizeof mark.name - 1);
    crash_point("slot taken");
    int r = cgroup_mark_write(fd, &mark);
    crash_point("cgroup marked");
    if (r < 0) {
        if (mark.slot != SLOT_NONE)
            programs_slot_free(a->target->programs, mark.slot);
        return r;
    }
    applier_bind(a, fd, mark.slot, SLOT_ROLE_OWNER);
    return 0;
}

/* What is there without our mark may be a daemon's that died before it could set it: then it is empty, and can go. */
static int make_group(int parent_fd, const char *name, int *ret_fd) {
    _cleanup_(cleanup_close) int fd = -1;
    bool created;
    int r = cgroup_make(parent_fd, name, &fd, &created);
    if (r == 0 && !created) {
        fd = close_fd(fd);
        if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
            return -EEXIST;
        r = cgroup_make(parent_fd, name, &fd, &created);
    }
    crash_point("cgroup made");
    if (r == 0)
        *ret_fd = TAKE_FD(fd);
    return r;
}

int apply_group_create(const Applier *a, Step *step) {
    _cleanup_(cleanup_close) int parent_fd = -1, fd = -1;
    const char *name = base_name(step->path);
    int r = open_parent(a, step->path, &parent_fd);
    if (r == 0)
        r = make_group(parent_fd, name, &fd);
    if (r == -EEXIST)
        return step_failed(step, r, "cgroup %s is there and in use, without a mark of ours", step->path);
    if (r < 0)
        return step_failed_cgroup(step, r, step->path);

    r = mark_group(a, step, parent_fd, fd);
    if (r < 0) {
        cgroup_remove(parent_fd, name);
        return step_failed(step, r, "cannot mark cgroup %s", step->path);
    }
    return 0;
}

int apply_freeze(const Applier *a, Step *step) {
    _cleanup_(cleanup_close) int fd = -1;
    int r = applier_open(a, step->path, &fd);
    if (r == 0)
        r = cgroup_freeze(fd, step->frozen, FREEZE_TIMEOUT_USEC);
    if (r == -ETIMEDOUT)
        return step_failed(step, r, "not all of its processes stand still yet, some are busy in the kernel");
    return r < 0 ? step_failed(step, r, "cannot %s cgroup %s", step->frozen ? "freeze" : "thaw", step->path) : 0;
}

int apply_group_remove(const Applier *a, Step *step) {
    _cleanup_(cleanup_close) int parent_fd = -1, fd = -1;
    const char *name = base_name(step->path);
    int r = open_parent(a, step->path, &parent_fd);
    if (r == 0)
        r = cgroup_open(parent_fd, name, &fd);
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = cgroup_remove(parent_fd, name);
    if (r < 0)
        return step_failed(step, r, "cannot remove cgroup %s", step->path);
    crash_point("cgroup removed");
    applier_unbind(a, fd);
    return 0;
}

void apply_release_slot(const ApplyTarget *target, const Step *step) {
    if (target->programs && step->slot != SLOT_NONE)
        programs_slot_release(target->programs, step->slot);
}

int apply_leaf_remove(const Applier *a, Step *step) {
    _cleanup_(cleanup_close) int group_fd = -1, leaf_fd = -1;
    char name[LEAF_NAME_SIZE];
    cgroup_leaf_name(step->leaf, step->session, name);
    int r = applier_open(a, step->path, &group_fd);
    if (r == 0)
        r = cgroup_open(group_fd, name, &leaf_fd);
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = cgroup_kill(leaf_fd); /* what the main process left behind */
    if (r == 0)
        r = cgroup_wait_empty(leaf_fd, LEAF_EMPTY_TIMEOUT_USEC);
    crash_point("leaf emptied");
    if (r == 0)
        r = cgroup_remove(group_fd, name);
    if (r < 0)
        return step_failed(step, r, "cannot remove cgroup %s/%s", step->path, name);
    crash_point("leaf removed");
    applier_unbind(a, leaf_fd);
    return 0;
}
