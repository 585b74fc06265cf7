/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a group's limits need: a step for each setting that holds something else than the policy says. */

#include <errno.h>
#include <string.h>

#include "base/strv.h"
#include "model/plan-build.h"

static int add_setting(PlanBuilder *b, const Group *group, const NodeGroup *found, const Setting *setting,
        const char *holds, Step **ret) {
    Step *step;
    int r = plan_add_group_step(b, STEP_LIMIT_SET, group, &step);
    if (r < 0)
        return r;
    step->setting = *setting;
    step->leaf = plan_populated_leaf(found);
    if (holds) {
        step->from = strdup(holds);
        if (!step->from)
            return -ENOMEM;
    }
    *ret = step;
    return 0;
}

/* A group that is not there yet will come with nothing set. */
static const char *text_that_holds(
        const NodeGroup *found, const Limit *limit, unsigned device_major, unsigned device_minor) {
    return found ? node_group_setting(found, limit->id, device_major, device_minor) : limit->unset;
}

static int add_number(PlanBuilder *b, const Group *group, const NodeGroup *found, const Limit *limit) {
    const LimitValue *value = group->limits + limit->id;
    Setting setting = { .limit = limit->id };
    int r = 0;

    if (!value->is_set)
        strncpy(setting.text, limit->unset, sizeof setting.text - 1);
    else if (limit->kind == LIMIT_KIND_CPUS)
        r = cpu_set_format(value->cpus, setting.text, sizeof setting.text);
    else
        limit->format(value->amount, setting.text, sizeof setting.text);
    if (r < 0)
        return r;

    const char *holds = text_that_holds(found, limit, 0, 0);
    if (holds ? strcmp(holds, setting.text) == 0 : !value->is_set)
        return 0;
    Step *step;
    return add_setting(b, group, found, &setting, holds, &step);
}

/* NULL: nobody knows which disk this is. */
static const NodeDevice *resolved(const PlanBuilder *b, const DeviceAmount *row) {
    const NodeDevice *device = node_device(b->node, row->path);
    return device && device->error == 0 ? device : NULL;
}

/* The amount that the policy has for a disk: of several paths to it the last counts, as in an assignment. */
static const DeviceAmount *amount_for_disk(
        const PlanBuilder *b, const LimitValue *value, unsigned major, unsigned minor) {
    for (size_t i = value->n_devices; i-- > 0;) {
        const NodeDevice *device = resolved(b, value->devices + i);
        if (device && device->major == major && device->minor == minor)
            return value->devices + i;
    }
    return NULL;
}

static int add_disk(PlanBuilder *b, const Group *group, const NodeGroup *found, const Limit *limit,
        const DeviceAmount *row, const NodeDevice *device) {
    Setting setting = { .limit = limit->id, .device_major = device->major, .device_minor = device->minor };
    const char *holds = text_that_holds(found, limit, device->major, device->minor);

    limit->format(row->amount, setting.text, sizeof setting.text);
    if (holds && strcmp(holds, setting.text) == 0)
        return 0;
    Step *step;
    return add_setting(b, group, found, &setting, holds, &step);
}

/* Failed before it began, and with it the chain: no start without a limit that the policy asks for. */
static int add_unresolved(
        PlanBuilder *b, const Group *group, const NodeGroup *found, const Limit *limit, const DeviceAmount *row) {
    const NodeDevice *device = node_device(b->node, row->path);
    Setting setting = { .limit = limit->id };
    Step *step;

    limit->format(row->amount, setting.text, sizeof setting.text);
    int r = add_setting(b, group, found, &setting, NULL, &step);
    if (r < 0)
        return r;
    step->result = device ? device->error : -ENODEV;
    return text_printf(&step->message, "%s=%s: %s", limit->key, row->path,
            step->result == -ENODEV ? "no single disk lies below this path" : strerror(-step->result));
}

static int add_named_disks(PlanBuilder *b, const Group *group, const NodeGroup *found, const Limit *limit) {
    const LimitValue *value = group->limits + limit->id;
    for (size_t i = 0; i < value->n_devices; i++) {
        const DeviceAmount *row = value->devices + i;
        const NodeDevice *device = resolved(b, row);
        int r = 0;
        if (!device)
            r = add_unresolved(b, group, found, limit, row);
        else if (amount_for_disk(b, value, device->major, device->minor) == row)
            r = add_disk(b, group, found, limit, row, device);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_forgotten_disks(PlanBuilder *b, const Group *group, const NodeGroup *found, const Limit *limit) {
    for (size_t i = 0; found && i < found->n_settings; i++) {
        const Setting *holds = found->settings + i;
        if (holds->limit != limit->id || strcmp(holds->text, limit->unset) == 0 ||
                amount_for_disk(b, group->limits + limit->id, holds->device_major, holds->device_minor))
            continue;
        Setting setting = *holds;
        strncpy(setting.text, limit->unset, sizeof setting.text - 1);
        Step *step;
        int r = add_setting(b, group, found, &setting, holds->text, &step);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_disks(PlanBuilder *b, const Group *group, const NodeGroup *found, const Limit *limit) {
    int r = add_named_disks(b, group, found, limit);
    return r < 0 ? r : add_forgotten_disks(b, group, found, limit);
}

/* A network's limit lives in the namespace of a start: it is changed while that runs on, else the spawn sets it. */
static bool is_settable(const PlanBuilder *b, const Group *group, const NodeGroup *found, const Limit *limit) {
    return limit->controller ||
           (found && b->decision->wishes[group->index] == WISH_KEEP && node_group_setting(found, limit->id, 0, 0));
}

int plan_add_limits(PlanBuilder *b, const Group *group, const NodeGroup *found) {
    FOREACH_LIMIT (limit) {
        if (!is_settable(b, group, found, limit))
            continue;
        int r = limit->kind == LIMIT_KIND_DEVICES ? add_disks(b, group, found, limit)
                                                  : add_number(b, group, found, limit);
        if (r < 0)
            return r;
    }
    return 0;
}
