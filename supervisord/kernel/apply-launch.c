/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One start: its leaf, its network, its child behind the barrier; nothing of it is left when any of that fails. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/crash-point.h"
#include "base/parse.h"
#include "base/strv.h"
#include "kernel/applier.h"
#include "kernel/cgroup.h"
#include "kernel/spawn.h"

static uint64_t now_usec(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * USEC_PER_SEC + t.tv_nsec / NSEC_PER_USEC;
}

/* What one start has taken so far; all of it is undone when the start fails. */
typedef struct Launch {
    int group_fd, leaf_fd, namespace_fd;
    char leaf_name[LEAF_NAME_SIZE];
    CgroupMark mark;
    Spawned *spawned;
    Start start;
    bool done;
} Launch;

static void launch_done(const Applier *a, Launch *launch) {
    spawn_abandon(launch->spawned);
    start_done(&launch->start);
    if (!launch->done && launch->leaf_fd >= 0) {
        exit_forget(a->target->programs, launch->mark.main_pid, &launch->mark.invocation);
        applier_unbind(a, launch->leaf_fd);
        cgroup_remove(launch->group_fd, launch->leaf_name);
    }
    close_fd(launch->namespace_fd);
    close_fd(launch->leaf_fd);
    close_fd(launch->group_fd);
}

/* Before it starts: a count that is one too high is no step back. */
static int note_restarts(const Step *step, int group_fd, CgroupMark *group) {
    if (step->kind != STEP_SPAWN || group->restarts == step->restarts)
        return 0;
    group->restarts = step->restarts;
    return cgroup_mark_write(group_fd, group);
}

static int make_leaf(const Applier *a, Step *step, Launch *launch) {
    CgroupMark group;
    bool created;
    int r = applier_open(a, step->path, &launch->group_fd);
    if (r == 0)
        r = cgroup_mark_read(launch->group_fd, &group);
    if (r == 0)
        r = note_restarts(step, launch->group_fd, &group);
    if (r == 0)
        r = cgroup_make(launch->group_fd, launch->leaf_name, &launch->leaf_fd, &created);
    if (r == 0 && !created) { /* the workload's own: not to be run in, nor removed */
        launch->leaf_fd = close_fd(launch->leaf_fd);
        r = -EEXIST;
    }
    crash_point("leaf made");
    if (r == 0)
        r = cgroup_mark_write(launch->leaf_fd, &launch->mark);
    crash_point("leaf marked");
    if (r < 0) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", step->path, launch->leaf_name);
        return step_failed_cgroup(step, r, path);
    }
    applier_bind(a, launch->leaf_fd, group.slot, SLOT_ROLE_LEAF);
    return 0;
}

/* The running start's. */
static int join_network(const Applier *a, Step *step, Launch *launch) {
    _cleanup_(cleanup_close) int start_fd = -1;
    char name[LEAF_NAME_SIZE];
    CgroupMark mark;
    if (step->command->wiring.mode == NETWORK_HOST)
        return 0;
    int r = cgroup_open(launch->group_fd, cgroup_leaf_name(step->leaf, 0, name), &start_fd);
    if (r == 0)
        r = cgroup_mark_read(start_fd, &mark);
    if (r == 0)
        r = links_namespace_of(mark.main_pid, mark.main_start_ticks, &launch->namespace_fd);
    return r < 0 ? step_failed(step, r, "cannot open the network namespace of %s", step->object) : 0;
}

static void stdio_for(const Applier *a, const char *workload, int ret_fds[3]) {
    bool given = a->stdio && strcmp(a->stdio->workload, workload) == 0;
    for (int i = 0; i < 3; i++)
        ret_fds[i] = given ? a->stdio->fds[i] : -1;
}

/* The barrier: the child may exec only once it is registered, so that no exit can be missed. */
static int register_child(const Applier *a, Launch *launch) {
    launch->mark.main_pid = spawned_pid(launch->spawned);
    launch->mark.main_start_ticks = spawned_start_ticks(launch->spawned);
    launch->mark.report = spawned_report(launch->spawned);
    launch->mark.oom_kills = launch->start.process.oom_kills_before;
    if (!launch->start.session) /* nobody but who waits for it asks how a session ended */
        exit_register(
                a->target->programs, &launch->start.process, launch->mark.main_start_ticks, &launch->mark.invocation);
    crash_point("exit registered");
    return cgroup_mark_write(launch->leaf_fd, &launch->mark);
}

/* All that can fail, and all that ending it needs, comes before it runs. */
static int hold_child(const Applier *a, const Step *step, Launch *launch) {
    int r = grow(&a->starts->items, sizeof *a->starts->items, a->starts->n, &a->starts->n_allocated);
    launch->start.name = strdup(step->object);
    if (r < 0 || !launch->start.name)
        return -ENOMEM;
    _cleanup_(cleanup_close) int pidfd = fcntl(spawned_pidfd(launch->spawned), F_DUPFD_CLOEXEC, 3);
    _cleanup_(cleanup_close) int leaf_fd = fcntl(launch->leaf_fd, F_DUPFD_CLOEXEC, 3);
    if (pidfd < 0 || leaf_fd < 0)
        return -errno;
    launch->start.invocation = launch->mark.invocation;
    launch->start.leaf = step->leaf;
    launch->start.session = step->session;
    return process_hold(&launch->start.process, spawned_pid(launch->spawned), TAKE_FD(pidfd), TAKE_FD(leaf_fd), true);
}

static void note_start(const Applier *a, const Step *step, Launch *launch) {
    if (step->kind == STEP_SPAWN && step->group->workload->wiring.shared)
        a->namespace_fds[step->group->index] = TAKE_FD(launch->namespace_fd);
    a->starts->items[a->starts->n++] = launch->start;
    launch->start = (Start) START_NULL;
    launch->done = true;
}

static int launch_child(const Applier *a, Step *step, Launch *launch) {
    SpawnSpec spec = {
        .name = step->object,
        .workload = step->command ?: step->group->workload,
        .invocation = &launch->mark.invocation,
        .leaf_fd = launch->leaf_fd,
        .tree_fd = a->target->tree->fd,
        .namespace_fd = launch->namespace_fd,
    };
    stdio_for(a, step->object, spec.stdio);
    crash_point("before the clone");
    int r = spawn_begin(&spec, &launch->spawned, &step->message);
    crash_point("child cloned");
    if (r < 0)
        return step_failed(step, r, "cannot start");
    r = hold_child(a, step, launch);
    if (r < 0)
        return step_failed(step, r, "cannot hold its processes");
    r = register_child(a, launch);
    if (r < 0)
        return step_failed(step, r, "cannot mark cgroup %s/%s", step->path, launch->leaf_name);
    crash_point("child marked");
    spawn_release(TAKE_PTR(launch->spawned), &launch->start.report_fd);
    crash_point("child released");
    return 0;
}

static int launch(const Applier *a, Step *step, Launch *launch) {
    launch->start.started_usec = now_usec();
    int r = make_leaf(a, step, launch);
    if (r == 0)
        r = step->kind == STEP_EXEC ? join_network(a, step, launch)
                                    : applier_wire(a, step, &launch->mark.invocation, &launch->namespace_fd);
    if (r == 0)
        r = launch_child(a, step, launch);
    if (r == 0)
        note_start(a, step, launch);
    return r;
}

int apply_launch(const Applier *a, Step *step) {
    Launch l = { .group_fd = -1,
        .leaf_fd = -1,
        .namespace_fd = -1,
        .start = START_NULL,
        .mark = { .kind = GROUP_WORKLOAD, .leaf = true, .slot = SLOT_NONE, .oom_kills = MARK_UNKNOWN } };
    cgroup_leaf_name(step->leaf, step->session, l.leaf_name);
    strncpy(l.mark.name, step->object, sizeof l.mark.name - 1);
    l.mark.recipe = step->command ? 0 : step->group->workload->recipe;
    if (getrandom(&l.mark.invocation, sizeof l.mark.invocation, 0) != sizeof l.mark.invocation)
        return step_failed(step, -EIO, "cannot make an invocation id");
    int r = launch(a, step, &l);
    launch_done(a, &l);
    return r;
}
