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

static bool counts(const PlanBuilder *b, const Knob *knob) {
    return knob_counts(knob, b->policy->settings.scheduler);
}

/* A group that is not there yet will come with nothing set. */
static const char *text_that_holds(
        const NodeGroup *found, const Knob *knob, unsigned device_major, unsigned device_minor) {
    return found ? node_group_setting(found, knob->id, device_major, device_minor) : knob->unset;
}

/* A file that is not there is missed by what wants something else of it than it would say, and by a key that is its own. */
static bool is_missed(const PlanBuilder *b, const Group *group, const Knob *knob, const char *text) {
    const Limit *limit = knob_asked_by(knob, group->limits);
    if (!limit)
        return false;
    return strcmp(text, knob->unset) != 0 || (limit->id != knob->limit && counts(b, knob)) ||
           (group->limits[limit->id].is_set && limit_knob(limit) == knob && !knob->part && counts(b, knob));
}

static int add_difference(PlanBuilder *b, const Group *group, const NodeGroup *found, const Setting *setting) {
    const Knob *knob = knobs + setting->knob;
    const char *holds = text_that_holds(found, knob, setting->device_major, setting->device_minor);
    Step *step;

    if (holds ? strcmp(holds, setting->text) == 0 : !is_missed(b, group, knob, setting->text))
        return 0;
    return add_setting(b, group, found, setting, holds, &step);
}

static int add_number(PlanBuilder *b, const Group *group, const NodeGroup *found, const Knob *knob) {
    Setting setting = { .knob = knob->id };

    if (!counts(b, knob))
        strcpy(setting.text, knob->unset);
    else if (!knob_wanted(knob, group->limits, setting.text, sizeof setting.text))
        return 0;
    return add_difference(b, group, found, &setting);
}

/* --- disks ------------------------------------------------------------------------------------------------------- */

/* Whether what the policy says by this name is about the device, and it is known which that is. */
static bool names(const LimitPart *part, const NodeDevice *device) {
    return strcmp(part->name, device->path) == 0 && device->error == 0;
}

static bool is_disk(const NodeDevice *device, unsigned major, unsigned minor) {
    return device->major == major && device->minor == minor;
}

/* What the policy has for a disk: of several paths to it the last counts, as in an assignment, and `any` before none. */
static const LimitPart *part_for_disk(const PlanBuilder *b, const LimitValue *value, unsigned major, unsigned minor) {
    const LimitPart *any = NULL;

    for (size_t i = value->n_parts; i-- > 0;)
        for (size_t j = 0; j < b->node->n_devices; j++) {
            const LimitPart *part = value->parts + i;
            if (!names(part, b->node->devices + j) || !is_disk(b->node->devices + j, major, minor))
                continue;
            if (strcmp(part->name, LIMIT_ANY_DEVICE) != 0)
                return part;
            any = part;
        }
    return any;
}

/* Failed before it began, and with it the chain: no start without a limit that the policy asks for. */
static int add_unresolved(
        PlanBuilder *b, const Group *group, const NodeGroup *found, const Knob *knob, const LimitPart *part, int r) {
    Setting setting = { .knob = knob->id };
    Step *step;

    knob_format(knob, part->amount, setting.text, sizeof setting.text);
    int added = add_setting(b, group, found, &setting, NULL, &step);
    if (added < 0)
        return added;
    step->result = r;
    return text_printf(&step->message, "%s=%s: %s", limits[knob->limit].key, part->name,
            r == -ENODEV       ? "no single disk lies below this path"
            : r == -EOPNOTSUPP ? "nothing shares out this disk by weights (supctl check tells why)"
                               : strerror(-r));
}

static int add_disk(PlanBuilder *b, const Group *group, const NodeGroup *found, const Knob *knob, const LimitPart *part,
        const NodeDevice *device) {
    Setting setting = { .knob = knob->id, .device_major = device->major, .device_minor = device->minor };

    if (knob->weigher && device->weigher == WEIGHER_NONE)
        return knob == limit_knob(limits + knob->limit) ? add_unresolved(b, group, found, knob, part, -EOPNOTSUPP) : 0;
    if (knob->weigher && device->weigher != knob->weigher)
        return 0;
    knob_format(knob, part->amount, setting.text, sizeof setting.text);
    return add_difference(b, group, found, &setting);
}

static int add_part(
        PlanBuilder *b, const Group *group, const NodeGroup *found, const Knob *knob, const LimitPart *part) {
    const LimitValue *value = group->limits + knob->limit;
    const NodeDevice *known = node_device(b->node, part->name);

    if (strcmp(part->name, LIMIT_ANY_DEVICE) != 0 && (!known || known->error))
        return add_unresolved(b, group, found, knob, part, known ? known->error : -ENODEV);
    for (size_t i = 0; i < b->node->n_devices; i++) {
        const NodeDevice *device = b->node->devices + i;
        if (!names(part, device) || part_for_disk(b, value, device->major, device->minor) != part)
            continue;
        int r = add_disk(b, group, found, knob, part, device);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_forgotten_disks(PlanBuilder *b, const Group *group, const NodeGroup *found, const Knob *knob) {
    for (size_t i = 0; found && i < found->n_settings; i++) {
        Setting setting = found->settings[i];
        if (setting.knob != knob->id ||
                part_for_disk(b, group->limits + knob->limit, setting.device_major, setting.device_minor))
            continue;
        strncpy(setting.text, knob->unset, sizeof setting.text - 1);
        int r = add_difference(b, group, found, &setting);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_disks(PlanBuilder *b, const Group *group, const NodeGroup *found, const Knob *knob) {
    const LimitValue *value = group->limits + knob->limit;
    for (size_t i = 0; i < value->n_parts; i++) {
        int r = add_part(b, group, found, knob, value->parts + i);
        if (r < 0)
            return r;
    }
    return add_forgotten_disks(b, group, found, knob);
}

/* --- all of a group ---------------------------------------------------------------------------------------------- */

/* A network's limit lives in the namespace of a start: it is changed while that runs on, else the spawn sets it. */
static bool is_settable(const PlanBuilder *b, const Group *group, const NodeGroup *found, const Knob *knob) {
    if (knob->optional)
        return b->node->optional_knobs & UINT64_C(1) << knob->id;
    return knob->controller ||
           (found && b->decision->wishes[group->index] == WISH_KEEP && node_group_setting(found, knob->id, 0, 0));
}

static bool is_left_alone(const PlanBuilder *b, const Group *group, const Knob *knob) {
    return b->decision->left_alone && b->decision->left_alone[group->index] & UINT64_C(1) << knob->id;
}

static int add_knob(PlanBuilder *b, const Group *group, const NodeGroup *found, const Knob *knob) {
    if (!is_settable(b, group, found, knob) || is_left_alone(b, group, knob))
        return 0;
    return knob_kind(knob) == LIMIT_KIND_DEVICES ? add_disks(b, group, found, knob) : add_number(b, group, found, knob);
}

/* The kernel refuses a burst above the quota, whichever is written: it shrinks before the quota does, and grows after it. */
static bool burst_grows(const Group *group, const NodeGroup *found) {
    const char *holds = text_that_holds(found, knobs + KNOB_CPU_MAX_BURST, 0, 0);
    uint64_t now;

    return holds && knob_amount(holds, &now) == 0 && group->limits[LIMIT_CPU_QUOTA_BURST].amount > now;
}

int plan_add_limits(PlanBuilder *b, const Group *group, const NodeGroup *found) {
    const Knob *burst = knobs + KNOB_CPU_MAX_BURST;
    bool late = burst_grows(group, found);

    FOREACH_KNOB (knob) {
        int r = late && knob == burst ? 0 : add_knob(b, group, found, knob);
        if (r == 0 && late && knob->id == KNOB_CPU_MAX)
            r = add_knob(b, group, found, burst);
        if (r < 0)
            return r;
    }
    return 0;
}
