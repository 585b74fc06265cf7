/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The only code that changes the node. A step that fails says why in words and breaks the chain of its object: the rest
 * of that chain is left out, so that no workload ever starts without a limit that its policy asks for, of its own or of a slice above it.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/strv.h"
#include "kernel/apply.h"
#include "kernel/cgroup.h"
#include "kernel/spawn.h"

enum { LEAF_EMPTY_TIMEOUT_USEC = 2 * 1000 * 1000 };

typedef struct Applier {
    const ApplyTarget *target;
    const ApplyStdio *stdio;
    Starts *starts;
} Applier;

static uint64_t now_usec(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * USEC_PER_SEC + t.tv_nsec / NSEC_PER_USEC;
}

/* Words a failed step, unless somebody closer to it has done so; returns r. */
__attribute__((format(printf, 3, 4))) static int step_failed(Step *step, int r, const char *format, ...) {
    if (step->message)
        return r;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (text_printf(&step->message, "%s: %s", text, strerror(-r)) < 0)
        step->message = NULL;
    return r;
}

static int open_group(const Applier *a, const char *path, int *ret_fd) {
    return cgroup_open(a->target->tree->fd, *path ? path : ".", ret_fd);
}

/* "a/b/c" -> "a/b" and "c"; no slash: "" and the whole. */
static const char *split_path(char *path, const char **ret_parent) {
    char *slash = strrchr(path, '/');
    if (!slash) {
        *ret_parent = "";
        return path;
    }
    *slash = '\0';
    *ret_parent = path;
    return slash + 1;
}

/* --- tree, networks ---------------------------------------------------------------------------------------------- */

static int apply_controllers_enable(const Applier *a, Step *step) {
    _cleanup_(cleanup_close) int fd = -1;
    char mask[64];
    int r = open_group(a, step->path, &fd);
    if (r == 0)
        r = cgroup_controllers_enable(fd, step->controllers);
    return r < 0 ? step_failed(
                           step, r, "cannot enable %s", controller_mask_format(step->controllers, mask, sizeof mask))
                 : 0;
}

static int apply_tree_share(const Applier *a, Step *step) {
    uint64_t value;
    int r = parse_u64(step->setting.text, &value);
    if (r == 0)
        r = tree_share_set(a->target->tree, limits[step->setting.limit].key, value);
    return r < 0 ? step_failed(step, r, "PID 1 refused %s=%s", limits[step->setting.limit].key, step->setting.text) : 0;
}

static int apply_network_create(const Applier *a, Step *step) {
    const Network *network = step->network;
    int r = links_bridge_make(
            a->target->links, network->name, network->bridge, network->gateway, network->prefix_length);
    if (r == -EEXIST)
        return step_failed(step, r, "a link named %s is there that is not ours", network->bridge);
    return r < 0 ? step_failed(step, r, "cannot make bridge %s", network->bridge) : 0;
}

static int apply_network_remove(const Applier *a, Step *step) {
    int r = links_bridge_remove(a->target->links, step->from);
    return r < 0 ? step_failed(step, r, "cannot remove bridge %s", step->from) : 0;
}

/* --- groups ------------------------------------------------------------------------------------------------------ */

static uint32_t allocate_slot(const Applier *a) {
    uint32_t slot;
    return a->target->programs && programs_slot_alloc(a->target->programs, &slot) == 0 ? slot : SLOT_NONE;
}

/* Processes of a group that found no slot are counted as others. */
static void bind_group(const Applier *a, int fd, uint32_t slot, SlotRole role) {
    uint64_t id;
    if (slot == SLOT_NONE && role == SLOT_ROLE_LEAF)
        slot = SLOT_OTHER;
    if (a->target->programs && slot != SLOT_NONE && cgroup_id(fd, &id) == 0)
        programs_bind(a->target->programs, fd, id, slot, role);
}

static void unbind(const Applier *a, int fd) {
    uint64_t id;
    if (a->target->programs && cgroup_id(fd, &id) == 0)
        programs_unbind(a->target->programs, fd, id);
}

static int mark_group(const Applier *a, const Step *step, int fd) {
    CgroupMark mark = { .kind = step->group_kind, .slot = allocate_slot(a) };
    strncpy(mark.name, step->object, sizeof mark.name - 1);
    int r = cgroup_mark_write(fd, &mark);
    if (r < 0) {
        if (mark.slot != SLOT_NONE)
            programs_slot_free(a->target->programs, mark.slot);
        return r;
    }
    bind_group(a, fd, mark.slot, SLOT_ROLE_OWNER);
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
    if (r == 0)
        *ret_fd = TAKE_FD(fd);
    return r;
}

static int apply_group_create(const Applier *a, Step *step) {
    _cleanup_(cleanup_free) char *path = strdup(step->path);
    _cleanup_(cleanup_close) int parent_fd = -1, fd = -1;
    const char *parent;
    if (!path)
        return -ENOMEM;

    const char *name = split_path(path, &parent);
    int r = open_group(a, parent, &parent_fd);
    if (r == 0)
        r = make_group(parent_fd, name, &fd);
    if (r == -EEXIST)
        return step_failed(step, r, "cgroup %s is there and in use, without a mark of ours", step->path);
    if (r < 0)
        return step_failed(step, r, "cannot make cgroup %s", step->path);

    r = mark_group(a, step, fd);
    if (r < 0) {
        cgroup_remove(parent_fd, name);
        return step_failed(step, r, "cannot mark cgroup %s", step->path);
    }
    return 0;
}

static int apply_group_remove(const Applier *a, Step *step) {
    _cleanup_(cleanup_free) char *path = strdup(step->path);
    _cleanup_(cleanup_close) int parent_fd = -1, fd = -1;
    const char *parent;
    if (!path)
        return -ENOMEM;

    const char *name = split_path(path, &parent);
    int r = open_group(a, parent, &parent_fd);
    if (r == 0)
        r = cgroup_open(parent_fd, name, &fd);
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = cgroup_remove(parent_fd, name);
    if (r < 0)
        return step_failed(step, r, "cannot remove cgroup %s", step->path);
    unbind(a, fd);
    return 0;
}

/* Up to the nearest directory that is still there: its slice may have gone in the same plan. */
static uint32_t surviving_slot(const ApplyTarget *target, char *path) {
    for (char *slash; (slash = strrchr(path, '/'));) {
        _cleanup_(cleanup_close) int fd = -1;
        CgroupMark mark;
        *slash = '\0';
        if (cgroup_open(target->tree->fd, path, &fd) == 0 && cgroup_mark_read(fd, &mark) == 0)
            return mark.slot;
    }
    return SLOT_NONE;
}

void apply_release_slot(const ApplyTarget *target, const Step *step) {
    _cleanup_(cleanup_free) char *path = strdup(step->path);
    if (!path || !target->programs || step->slot == SLOT_NONE)
        return;
    uint32_t heir = surviving_slot(target, path);
    if (heir != SLOT_NONE)
        programs_slot_fold(target->programs, step->slot, heir);
    programs_slot_free(target->programs, step->slot);
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

static int open_leaf(const Applier *a, const char *group_path, unsigned number, int *ret_fd) {
    char path[4096];
    if ((size_t) snprintf(path, sizeof path, "%s/%u", group_path, number) >= sizeof path)
        return -ENAMETOOLONG;
    return cgroup_open(a->target->tree->fd, path, ret_fd);
}

static int set_network_limit(const Applier *a, Step *step, uint64_t rate) {
    _cleanup_(cleanup_close) int leaf_fd = -1, namespace_fd = -1;
    CgroupMark mark;
    int r = open_leaf(a, step->path, step->leaf, &leaf_fd);
    if (r == 0)
        r = cgroup_mark_read(leaf_fd, &mark);
    if (r == 0)
        r = links_namespace_of(mark.main_pid, &namespace_fd);
    if (r == 0)
        r = links_egress_set(a->target->links, namespace_fd, rate);
    return r < 0 ? step_failed(step, r, "cannot shape eth0 of %s", step->object) : 0;
}

static int read_back(int fd, const Limit *limit, Step *step) {
    char text[8192], holds[SETTING_TEXT_MAX];
    ssize_t length = file_read_at(fd, limit->file, text, sizeof text);
    if (length < 0)
        return step_failed(step, length, "cannot read %s back", limit->file);
    int r = limit_canonical(limit, text, step->setting.device_major, step->setting.device_minor, holds, sizeof holds);
    if (r < 0)
        return step_failed(step, r, "cannot understand %s", limit->file);
    if (strcmp(holds, step->setting.text) != 0)
        return step_failed(step, -EIO, "wrote %s to %s, the kernel holds %s", step->setting.text, limit->file, holds);
    return 0;
}

/* Why a limit file is not there, in words that lead somewhere. */
static int limit_absent(const Limit *limit, Step *step) {
    text_printf(&step->message, "%s= needs the %s controller, which is not enabled here (supctl check tells why)",
            limit->key, limit->controller);
    return -ENOTSUP;
}

static int apply_limit_set(const Applier *a, Step *step) {
    const Limit *limit = limits + step->setting.limit;
    if (!limit->controller) {
        const LimitValue *value = step->group->limits + limit->id;
        return set_network_limit(a, step, value->is_set ? value->amount : AMOUNT_INFINITY);
    }

    _cleanup_(cleanup_close) int fd = -1;
    char text[SETTING_TEXT_MAX + 64];
    int r = open_group(a, step->path, &fd);
    if (r < 0)
        return step_failed(step, r, "cannot open cgroup %s", step->path);
    limit_file_text(limit, &step->setting, text, sizeof text);
    r = file_write_at(fd, limit->file, text);
    if (r == -ENOENT || (r == -EACCES && faccessat(fd, limit->file, F_OK, 0) < 0))
        return limit_absent(limit, step);
    if (r < 0)
        return step_failed(step, r, "cannot write '%s' to %s", text, limit->file);
    return read_back(fd, limit, step);
}

/* --- starting ---------------------------------------------------------------------------------------------------- */

/* What one start has taken so far; all of it is undone when the start fails. */
typedef struct Launch {
    int group_fd, leaf_fd, namespace_fd;
    char leaf_name[16];
    CgroupMark mark;
    Spawned *spawned;
    Start start;
    bool done;
} Launch;

static void launch_done(const Applier *a, Launch *launch) {
    spawn_abandon(launch->spawned);
    free(launch->start.name);
    process_done(&launch->start.process);
    if (!launch->done && launch->leaf_fd >= 0) {
        if (a->target->programs)
            programs_exit_forget(a->target->programs, launch->mark.main_pid, launch->mark.invocation.bytes);
        unbind(a, launch->leaf_fd);
        cgroup_remove(launch->group_fd, launch->leaf_name);
    }
    close_fd(launch->namespace_fd);
    close_fd(launch->leaf_fd);
    close_fd(launch->group_fd);
}

static int make_leaf(const Applier *a, Step *step, Launch *launch) {
    CgroupMark group;
    bool created;
    int r = open_group(a, step->path, &launch->group_fd);
    if (r == 0)
        r = cgroup_mark_read(launch->group_fd, &group);
    if (r == 0)
        r = cgroup_make(launch->group_fd, launch->leaf_name, &launch->leaf_fd, &created);
    if (r == 0 && !created) { /* the workload's own: not to be run in, nor removed */
        launch->leaf_fd = close_fd(launch->leaf_fd);
        r = -EEXIST;
    }
    if (r == 0)
        r = cgroup_mark_write(launch->leaf_fd, &launch->mark);
    if (r < 0)
        return step_failed(step, r, "cannot make cgroup %s/%s", step->path, launch->leaf_name);
    bind_group(a, launch->leaf_fd, group.slot, SLOT_ROLE_LEAF);
    return 0;
}

static int make_network(const Applier *a, Step *step, Launch *launch) {
    const Workload *workload = step->group->workload;
    if (workload->network_mode == NETWORK_HOST)
        return 0;
    int r = links_namespace_new(&launch->namespace_fd);
    if (r < 0)
        return step_failed(step, r, "cannot make a network namespace");
    if (workload->network_mode != NETWORK_BRIDGE)
        return 0;

    LinkWire wire = {
        .workload = step->object,
        .invocation = &launch->mark.invocation,
        .bridge = workload->network->bridge,
        .address = workload->address,
        .gateway = workload->network->gateway,
        .prefix_length = workload->network->prefix_length,
    };
    r = links_wire(a->target->links, launch->namespace_fd, &wire);
    if (r < 0)
        return step_failed(step, r, "cannot connect to bridge %s", wire.bridge);
    const LimitValue *egress = step->group->limits + LIMIT_NETWORK_EGRESS_MAX;
    if (!egress->is_set)
        return 0;
    r = links_egress_set(a->target->links, launch->namespace_fd, egress->amount);
    return r < 0 ? step_failed(step, r, "cannot shape eth0") : 0;
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
    if (a->target->programs)
        programs_exit_register(a->target->programs, launch->mark.main_pid, launch->mark.main_start_ticks,
                launch->mark.invocation.bytes);
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
    return process_hold(&launch->start.process, spawned_pid(launch->spawned), TAKE_FD(pidfd), TAKE_FD(leaf_fd), true);
}

static void note_start(const Applier *a, Launch *launch) {
    a->starts->items[a->starts->n++] = launch->start;
    launch->start = (Start){ .process = PROCESS_NULL };
    launch->done = true;
}

static int launch_child(const Applier *a, Step *step, Launch *launch) {
    _cleanup_(cleanup_close) int pidfd = -1; /* held already */
    SpawnSpec spec = {
        .name = step->object,
        .workload = step->group->workload,
        .invocation = &launch->mark.invocation,
        .leaf_fd = launch->leaf_fd,
        .namespace_fd = launch->namespace_fd,
    };
    stdio_for(a, step->object, spec.stdio);
    int r = spawn_begin(&spec, &launch->spawned, &step->message);
    if (r < 0)
        return step_failed(step, r, "cannot start");
    r = hold_child(a, step, launch);
    if (r < 0)
        return step_failed(step, r, "cannot hold its processes");
    r = register_child(a, launch);
    if (r < 0)
        return step_failed(step, r, "cannot mark cgroup %s/%s", step->path, launch->leaf_name);
    r = spawn_finish(TAKE_PTR(launch->spawned), &pidfd, &step->message);
    return r < 0 ? step_failed(step, r, "cannot start") : 0;
}

static int launch(const Applier *a, Step *step, Launch *launch) {
    launch->start.started_usec = now_usec();
    int r = make_leaf(a, step, launch);
    if (r == 0)
        r = make_network(a, step, launch);
    if (r == 0)
        r = launch_child(a, step, launch);
    if (r == 0)
        note_start(a, launch);
    return r;
}

static int apply_spawn(const Applier *a, Step *step) {
    Launch l = { .group_fd = -1,
        .leaf_fd = -1,
        .namespace_fd = -1,
        .start.process = PROCESS_NULL,
        .mark = { .kind = GROUP_WORKLOAD, .leaf = true, .slot = SLOT_NONE } };
    snprintf(l.leaf_name, sizeof l.leaf_name, "%u", step->leaf);
    strncpy(l.mark.name, step->object, sizeof l.mark.name - 1);
    if (getrandom(&l.mark.invocation, sizeof l.mark.invocation, 0) != sizeof l.mark.invocation)
        return step_failed(step, -EIO, "cannot make an invocation id");
    int r = launch(a, step, &l);
    launch_done(a, &l);
    return r;
}

static int apply_leaf_remove(const Applier *a, Step *step) {
    _cleanup_(cleanup_close) int group_fd = -1, leaf_fd = -1;
    char name[16];
    snprintf(name, sizeof name, "%u", step->leaf);
    int r = open_group(a, step->path, &group_fd);
    if (r == 0)
        r = cgroup_open(group_fd, name, &leaf_fd);
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = cgroup_kill(leaf_fd); /* what the main process left behind */
    if (r == 0)
        r = cgroup_wait_empty(leaf_fd, LEAF_EMPTY_TIMEOUT_USEC);
    if (r == 0)
        r = cgroup_remove(group_fd, name);
    if (r < 0)
        return step_failed(step, r, "cannot remove cgroup %s/%s", step->path, name);
    unbind(a, leaf_fd);
    return 0;
}

static int leave_to_supervisor(const Applier *a, Step *step) {
    return -EINPROGRESS;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int (*const appliers[STEP_KINDS_COUNT])(const Applier *, Step *) = {
    [STEP_CONTROLLERS_ENABLE] = apply_controllers_enable,
    [STEP_TREE_SHARE] = apply_tree_share,
    [STEP_NETWORK_CREATE] = apply_network_create,
    [STEP_GROUP_CREATE] = apply_group_create,
    [STEP_LIMIT_SET] = apply_limit_set,
    [STEP_SPAWN] = apply_spawn,
    [STEP_STOP] = leave_to_supervisor,
    [STEP_LEAF_REMOVE] = apply_leaf_remove,
    [STEP_GROUP_REMOVE] = apply_group_remove,
    [STEP_NETWORK_REMOVE] = apply_network_remove,
};

/* One chain: the steps of a group, or of a network, which may have the name of a group. They stand together in the plan. */
static bool same_chain(const Step *one, const Step *other) {
    return !one->path == !other->path && strcmp(one->object, other->object) == 0;
}

/* The group and the slices above it hold what the policy asks of them; else nothing may start there. */
static const Group *degraded_slice(const bool *degraded, const Step *step) {
    for (const Group *g = step->group ? step->group->parent : NULL; g; g = g->parent)
        if (degraded[g->index])
            return g;
    return NULL;
}

static int apply_step(const Applier *a, const bool *degraded, Step *step) {
    const Group *slice = step->kind == STEP_SPAWN ? degraded_slice(degraded, step) : NULL;
    if (!slice)
        return appliers[step->kind](a, step);
    text_printf(&step->message, "its slice %s lacks something that the policy asks for", slice->name);
    return -EAGAIN;
}

int apply(const ApplyTarget *target, Plan *plan, const ApplyStdio *stdio, Starts *starts) {
    Applier a = { .target = target, .stdio = stdio, .starts = starts };
    _cleanup_(cleanup_free) bool *degraded = calloc(plan->policy->n_groups + 1, sizeof *degraded);
    const Step *broken = NULL;
    if (!degraded)
        return -ENOMEM;
    for (size_t i = 0; i < plan->n_steps; i++) {
        Step *step = plan->steps + i;
        if (broken && same_chain(broken, step))
            step->result = -ECANCELED;
        else if (step->result == -EINPROGRESS)
            step->result = apply_step(&a, degraded, step);
        if (step->result == 0 || step->result == -EINPROGRESS)
            continue;
        broken = step;
        if (step->group)
            degraded[step->group->index] = true;
    }
    return 0;
}

void starts_done(Starts *starts) {
    for (size_t i = 0; i < starts->n; i++) {
        free(starts->items[i].name);
        process_done(&starts->items[i].process);
    }
    free(starts->items);
    *starts = (Starts){};
}
