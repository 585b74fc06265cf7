/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The only code that changes the node. A step that fails says why in words and breaks the chain of its object: the rest
 * of that chain is left out, so that no workload ever starts without a limit that its policy asks for, of its own or of a slice above it.
 */

#include "kernel/apply.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/crash-point.h"
#include "base/parse.h"
#include "base/strv.h"
#include "kernel/applier.h"
#include "kernel/cgroup.h"

int step_failed(Step *step, int r, const char *format, ...) {
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

int step_failed_cgroup(Step *step, int r, const char *path) {
    if (!step->message && text_printf(&step->message, "cannot make cgroup %s: %s", path, cgroup_make_error(-r)) < 0)
        step->message = NULL;
    return r;
}

int applier_open(const Applier *a, const char *path, int *ret_fd) {
    return cgroup_open(a->target->tree->fd, *path ? path : ".", ret_fd);
}

void applier_bind(const Applier *a, int fd, uint32_t slot, SlotRole role) {
    uint64_t id;
    if (slot == SLOT_NONE && role == SLOT_ROLE_LEAF)
        slot = SLOT_OTHER;
    if (a->target->programs && slot != SLOT_NONE && cgroup_id(fd, &id) == 0)
        programs_bind(a->target->programs, fd, id, slot, role);
}

void applier_unbind(const Applier *a, int fd) {
    uint64_t id;
    if (a->target->programs && cgroup_id(fd, &id) == 0)
        programs_unbind(a->target->programs, fd, id);
}

/* --- tree -------------------------------------------------------------------------------------------------------- */

static int apply_controllers_enable(const Applier *a, Step *step) {
    _cleanup_(cleanup_close) int fd = -1;
    char mask[64];
    int r = applier_open(a, step->path, &fd);
    if (r == 0)
        r = cgroup_controllers_enable(fd, step->controllers);
    return r < 0 ? step_failed(
                           step, r, "cannot enable %s", controller_mask_format(step->controllers, mask, sizeof mask))
                 : 0;
}

static int apply_tree_share(const Applier *a, Step *step) {
    const Limit *limit = limits + knobs[step->setting.knob].limit;
    int r = tree_share_set(a->target->tree, limit, &step->share);
    return r < 0 ? step_failed(step, r, "cannot give the tree %s=%s", limit->key, step->setting.text) : 0;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int leave_to_supervisor(const Applier *a, Step *step) {
    return -EINPROGRESS;
}

static ApplyStep *const appliers[STEP_KINDS_COUNT] = {
    [STEP_CONTROLLERS_ENABLE] = apply_controllers_enable,
    [STEP_FREEZER_START] = apply_freezer_start,
    [STEP_TREE_SHARE] = apply_tree_share,
    [STEP_FIREWALL_SET] = apply_firewall_set,
    [STEP_NETWORK_CREATE] = apply_network_create,
    [STEP_GROUP_CREATE] = apply_group_create,
    [STEP_FREEZE] = apply_freeze,
    [STEP_LIMIT_SET] = apply_limit_set,
    [STEP_FILTER_SET] = apply_filter_set,
    [STEP_SPAWN] = apply_launch,
    [STEP_EXEC] = apply_launch,
    [STEP_STOP] = leave_to_supervisor,
    [STEP_LEAF_REMOVE] = apply_leaf_remove,
    [STEP_GROUP_REMOVE] = apply_group_remove,
    [STEP_NETWORK_REMOVE] = apply_network_remove,
    [STEP_FREEZER_STOP] = apply_freezer_stop,
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

/* This plan was to start the workload whose network it shares, and did not: whether that will be is to be decided first. */
static bool is_let_down(const Plan *plan, const Step *step) {
    const Group *owner = step->kind == STEP_SPAWN ? step->group->workload->wiring.owner : NULL;
    for (const Step *other = plan->steps; owner && other < step; other++)
        if (other->kind == STEP_SPAWN && other->group == owner)
            return other->result < 0;
    return false;
}

/* No shares, no start: who is to hold them did not come. */
static const Step *failed_freezer(const Plan *plan, const Step *step) {
    for (const Step *other = plan->steps; step->kind == STEP_SPAWN && other < step; other++)
        if (other->kind == STEP_FREEZER_START && other->result < 0)
            return other;
    return NULL;
}

static int apply_step(const Applier *a, const Plan *plan, const bool *degraded, Step *step) {
    const Group *slice = step->kind == STEP_SPAWN ? degraded_slice(degraded, step) : NULL;
    const Step *freezer = failed_freezer(plan, step);
    if (is_let_down(plan, step))
        return -ECANCELED;
    if (freezer)
        return step_failed(step, freezer->result, "the freezer, which is to hold its share of CPU time, does not run");
    if (!slice)
        return appliers[step->kind](a, step);
    text_printf(&step->message, "its slice %s lacks something that the policy asks for", slice->name);
    return -EAGAIN;
}

static int namespaces_begin(Applier *a) {
    a->namespace_fds = malloc((a->policy->n_groups + 1) * sizeof *a->namespace_fds);
    for (size_t i = 0; a->namespace_fds && i < a->policy->n_groups; i++)
        a->namespace_fds[i] = -1;
    return a->namespace_fds ? 0 : -ENOMEM;
}

static void namespaces_done(Applier *a) {
    for (size_t i = 0; a->namespace_fds && i < a->policy->n_groups; i++)
        close_fd(a->namespace_fds[i]);
    free(a->namespace_fds);
}

int apply(const ApplyTarget *target, Plan *plan, const ApplyStdio *stdio, Starts *starts) {
    _cleanup_(namespaces_done)
            Applier a = { .target = target, .policy = plan->policy, .stdio = stdio, .starts = starts };
    _cleanup_(cleanup_free) bool *degraded = calloc(plan->policy->n_groups + 1, sizeof *degraded);
    const Step *broken = NULL;
    if (!degraded || namespaces_begin(&a) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < plan->n_steps; i++) {
        Step *step = plan->steps + i;
        crash_point("before a step");
        if (broken && same_chain(broken, step))
            step->result = -ECANCELED;
        else if (step->result == -EINPROGRESS)
            step->result = apply_step(&a, plan, degraded, step);
        if (step->result == 0 || step->result == -EINPROGRESS)
            continue;
        broken = step;
        if (step->group)
            degraded[step->group->index] = true;
    }
    crash_point("plan applied");
    return 0;
}

void start_done(Start *start) {
    free(start->name);
    process_done(&start->process);
    close_fd(start->report_fd);
    *start = (Start) START_NULL;
}

void starts_done(Starts *starts) {
    for (size_t i = 0; i < starts->n; i++)
        start_done(&starts->items[i]);
    free(starts->items);
    *starts = (Starts){};
}
