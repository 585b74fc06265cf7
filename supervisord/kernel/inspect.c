/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Says only what was read back just now: a limit that is set but does not hold must show. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/cgroup.h"
#include "kernel/inspect.h"
#include "kernel/observe.h"

typedef struct Inspector {
    const ApplyTarget *target;
    const Group *group;
    const Node *node;
    const NodeGroup *found;
    int group_fd;
} Inspector;

/* The device a report is about: the first that the policy names for this limit. */
static void first_device(const Inspector *in, const Limit *limit, unsigned *ret_major, unsigned *ret_minor) {
    const LimitValue *value = in->group->limits + limit->id;
    const NodeDevice *device = value->n_devices > 0 ? node_device(in->node, value->devices[0].path) : NULL;
    *ret_major = device && !device->error ? device->major : 0;
    *ret_minor = device && !device->error ? device->minor : 0;
}

static const char *text_of(const Inspector *in, const char *name, const Limit *limit) {
    unsigned device_major, device_minor;
    const NodeGroup *found = node_group(in->node, name);
    first_device(in, limit, &device_major, &device_minor);
    return found ? node_group_setting(found, limit->id, device_major, device_minor) : NULL;
}

static void show_effective(const Inspector *in, const Limit *limit, const char *own, LimitReport *report) {
    char tightest[SETTING_TEXT_MAX], merged[SETTING_TEXT_MAX], words[256];
    const char *from = NULL;
    snprintf(tightest, sizeof tightest, "%s", own);
    for (const Group *g = in->group->parent; g && limit->reach == LIMIT_REACH_TIGHTEST; g = g->parent) {
        const char *above = text_of(in, g->name, limit);
        const char *tighter = above ? limit_tighter(limit, above, tightest, merged, sizeof merged) : tightest;
        if (strcmp(tighter, tightest) == 0)
            continue;
        memmove(tightest, tighter, strlen(tighter) + 1);
        from = g->name;
    }
    limit_show_canonical(limit, tightest, words, sizeof words);
    snprintf(report->effective, sizeof report->effective, "%s%s%s", from ? from : "", from ? ": " : "", words);
}

/* The running start's network namespace has the shaper, and it counts. */
static uint64_t network_witness(const Inspector *in) {
    uint64_t overlimits, drops;
    for (size_t i = 0; in->found && i < in->found->n_leaves; i++) {
        _cleanup_(cleanup_close) int fd = -1;
        const NodeLeaf *leaf = in->found->leaves + i;
        if (leaf->populated && links_namespace_of(leaf->main_pid, &fd) == 0 &&
                links_egress_witness(in->target->links, fd, &overlimits, &drops) == 0)
            return overlimits;
    }
    return UINT64_MAX;
}

static uint64_t witness(const Inspector *in, const Limit *limit) {
    uint64_t value;
    if (!limit->controller)
        return network_witness(in);
    if (!limit->witness_file || cgroup_flat_u64(in->group_fd, limit->witness_file, limit->witness_key, &value) < 0)
        return UINT64_MAX;
    return value;
}

static void report_limit(const Inspector *in, const Limit *limit, LimitReport *report) {
    const LimitValue *value = in->group->limits + limit->id;
    const char *own = text_of(in, in->group->name, limit);
    *report = (LimitReport){ .bitten = witness(in, limit) };
    if (value->is_set)
        limit_value_show(limit, value, report->set, sizeof report->set);
    if (!own)
        return;
    limit_show_canonical(limit, own, report->written, sizeof report->written);
    show_effective(in, limit, own, report);
}

int inspect_limits(
        const ApplyTarget *target, const Policy *policy, const char *name, LimitReport ret[static LIMITS_COUNT]) {
    Inspector in = { .target = target, .group = policy_group(policy, name), .group_fd = -1 };
    Node node = {};
    if (!in.group)
        return -ENOENT;
    int r = observe(target->tree, target->links, policy, in.group->workload ? name : NULL, &node);
    if (r < 0)
        return r;
    in.node = &node;
    in.found = node_group(&node, name); /* NULL: it could not be made; then nothing is written */
    if (in.found)
        cgroup_open(target->tree->fd, in.found->path, &in.group_fd);
    for (size_t i = 0; r == 0 && i < LIMITS_COUNT; i++)
        report_limit(&in, limits + i, ret + i);
    close_fd(in.group_fd);
    node_done(&node);
    return r;
}
