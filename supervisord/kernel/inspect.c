/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Says only what was read back just now: a limit that is set but does not hold must show. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/cgroup.h"
#include "kernel/inspect.h"
#include "kernel/observe.h"

enum {
    PPM_WHOLE = 1000 * 1000,
    WORTH_FRACTION = 1000, /* less than that is rounding */
};

typedef struct Inspector {
    const ApplyTarget *target;
    const Group *group;
    Scheduler scheduler;
    const Node *node;
    const NodeGroup *found;
    int group_fd;
} Inspector;

/* What stands at each knob of a limit, on one device; NULL: it is not there. */
typedef struct Texts {
    const char *items[KNOBS_COUNT];
} Texts;

/* The device a report is about: the first that the policy names for this limit. */
static void first_device(const Inspector *in, const Limit *limit, unsigned *ret_major, unsigned *ret_minor) {
    const LimitValue *value = in->group->limits + limit->id;
    const NodeDevice *device = limit->kind == LIMIT_KIND_DEVICES && value->n_parts > 0
                                       ? node_device(in->node, value->parts[0].name)
                                       : NULL;
    *ret_major = device && !device->error ? device->major : 0;
    *ret_minor = device && !device->error ? device->minor : 0;
}

static Texts texts_of(const Inspector *in, const NodeGroup *found, const Limit *limit) {
    unsigned device_major, device_minor;
    Texts texts = {};
    first_device(in, limit, &device_major, &device_minor);
    FOREACH_KNOB (knob) {
        bool of_device = knob_kind(knob) == LIMIT_KIND_DEVICES;
        if (found && of_device == (limit->kind == LIMIT_KIND_DEVICES))
            texts.items[knob->id] = node_group_setting(found, knob->id, device_major, device_minor);
    }
    return texts;
}

/* Tightens each knob of the limit by what a slice above has there; whether it was tighter. */
static bool tighten(const Limit *limit, const Texts *above, Texts *texts, char merged[static SETTING_TEXT_MAX]) {
    bool tightened = false;
    FOREACH_KNOB (knob) {
        if (knob->limit != limit->id || !above->items[knob->id] || !texts->items[knob->id])
            continue;
        char text[SETTING_TEXT_MAX];
        const char *tighter = knob_tighter(knob, above->items[knob->id], texts->items[knob->id], text, sizeof text);
        if (strcmp(tighter, texts->items[knob->id]) == 0)
            continue;
        if (tighter == text)
            tighter = strcpy(merged, text);
        texts->items[knob->id] = tighter;
        tightened = true;
    }
    return tightened;
}

static void show_effective(const Inspector *in, const Limit *limit, const Texts *own, LimitReport *report) {
    char merged[SETTING_TEXT_MAX], words[256];
    Texts tightest = *own;
    const char *from = NULL;
    for (const Group *g = in->group->parent; g && limit->reach != LIMIT_REACH_OWN; g = g->parent) {
        Texts above = texts_of(in, node_group(in->node, g->name), limit);
        if (tighten(limit, &above, &tightest, merged))
            from = g->name;
    }
    for (size_t i = 0; i < in->node->n_above && limit->reach == LIMIT_REACH_GRANTED; i++) {
        Texts above = texts_of(in, in->node->above + i, limit);
        if (tighten(limit, &above, &tightest, merged))
            from = in->node->above[i].name;
    }
    if (limit_show_held(limit, tightest.items, words, sizeof words))
        snprintf(report->effective, sizeof report->effective, "%s%s%s", from ? from : "", from ? ": " : "", words);
}

/* The running start's network namespace has the shaper, and it counts. */
static uint64_t network_witness(const Inspector *in) {
    uint64_t overlimits, drops;
    for (size_t i = 0; in->found && i < in->found->n_leaves; i++) {
        _cleanup_(cleanup_close) int fd = -1;
        const NodeLeaf *leaf = in->found->leaves + i;
        if (leaf->populated && links_namespace_of(leaf->main_pid, leaf->main_start_ticks, &fd) == 0 &&
                links_egress_witness(in->target->links, fd, &overlimits, &drops) == 0)
            return overlimits;
    }
    return UINT64_MAX;
}

/* The sum over all knobs of the limit. */
static uint64_t witness(const Inspector *in, const Limit *limit) {
    uint64_t sum = UINT64_MAX, value;
    if (limit_is_of_network(limit))
        return network_witness(in);
    FOREACH_KNOB (knob) {
        if (knob->limit == limit->id && knob->witness_file &&
                cgroup_flat_u64(in->group_fd, knob->witness_file, knob->witness_key, &value) == 0)
            sum = sum == UINT64_MAX ? value : sum + value;
    }
    return sum;
}

/* What a weight is worth when all want everything: on each level its part of all that stand there. */
static uint64_t cpu_worth(const Inspector *in) {
    uint64_t worth = node_share_ppm(in->node) * sysconf(_SC_NPROCESSORS_ONLN), own, beside;
    for (const Group *g = in->group; g; g = g->parent) {
        const NodeGroup *found = node_group(in->node, g->name);
        _cleanup_(cleanup_close) int fd = -1;
        if (!found || cgroup_open(in->target->tree->fd, found->path, &fd) < 0 || cgroup_weights(fd, &own, &beside) < 0)
            return 0;
        worth = own > 0 ? worth * own / (own + beside) : 0;
    }
    return worth / (PPM_WHOLE / CPU_QUOTA_PER_CPU);
}

/* It stands nowhere as such: it holds by the weights of all. */
static void report_reserve(const Inspector *in, LimitReport *report) {
    const Limit *limit = limits + LIMIT_CPU_RESERVE;
    uint64_t reserve = limit_value_granted(in->group->limits + limit->id), worth = cpu_worth(in);
    const Knob *knob = knobs + (in->scheduler == SCHEDULER_FREEZE ? KNOB_FREEZER_WEIGHT : KNOB_CPU_WEIGHT);
    const char *weight = in->found ? node_group_setting(in->found, knob->id, 0, 0) : NULL;
    if (reserve == 0 || !weight)
        return;
    snprintf(report->written, sizeof report->written, "%s %s", knob->file, weight);
    if (knob_is_of_freezer(knob)) /* which has no say about others than ours */
        return;
    if (worth >= reserve - reserve / WORTH_FRACTION)
        worth = reserve;
    limit->show(worth, report->effective, sizeof report->effective);
}

static void report_limit(const Inspector *in, const Limit *limit, LimitReport *report) {
    const LimitValue *value = in->group->limits + limit->id;
    Texts own = texts_of(in, node_group(in->node, in->group->name), limit);
    *report = (LimitReport){ .key = limit->key, .bitten = witness(in, limit) };
    if (value->is_set)
        limit_value_show(limit, value, report->set, sizeof report->set);
    if (limit->id == LIMIT_CPU_RESERVE)
        report_reserve(in, report);
    if (!limit_show_held(limit, own.items, report->written, sizeof report->written))
        return;
    show_effective(in, limit, &own, report);
}

/* Those of slices above are asked too, each for itself. */
static void show_filters_above(const Inspector *in, FilterId filter, LimitReport *report) {
    size_t length = strlen(report->effective);
    for (const Group *g = in->group->parent; g && length < sizeof report->effective; g = g->parent) {
        const NodeGroup *above = node_group(in->node, g->name);
        if (above && *above->filters[filter])
            length += snprintf(report->effective + length, sizeof report->effective - length, "%sthat of %s",
                    length > 0 ? ", and " : "", g->name);
    }
}

static const DeviceNumbers *numbers_of(const Node *node, const char *specifier) {
    for (size_t i = 0; i < node->n_device_numbers; i++)
        if (strcmp(node->device_numbers[i].specifier, specifier) == 0)
            return node->device_numbers + i;
    return NULL;
}

/* What is allowed but not there: the filter has no rule for it. */
static void show_absent_devices(const Inspector *in, LimitReport *report) {
    const Filters *filters = &in->group->filters;
    size_t length = strlen(report->effective);
    for (size_t i = 0; i < filters->n_devices && length < sizeof report->effective; i++) {
        const DeviceNumbers *numbers = numbers_of(in->node, filters->devices[i].specifier);
        if (!numbers || numbers->n_rules == 0)
            length += snprintf(report->effective + length, sizeof report->effective - length, ", without %s",
                    filters->devices[i].specifier);
    }
}

static void report_filter(const Inspector *in, FilterId filter, LimitReport *report) {
    struct filter_denials denials;
    *report = (LimitReport){ .key = filter_key(filter), .bitten = UINT64_MAX };
    filters_show(&in->group->filters, filter, report->set, sizeof report->set);
    if (!in->found)
        return;
    snprintf(report->written, sizeof report->written, "%s", in->found->filters[filter]);
    snprintf(report->effective, sizeof report->effective, "%s", in->found->filters[filter]);
    if (filter == FILTER_DEVICES)
        show_absent_devices(in, report);
    show_filters_above(in, filter, report);
    if (*report->written && in->target->programs &&
            programs_read_denials(in->target->programs, in->found->slot, &denials) == 0)
        report->bitten = denials.count[filter];
}

static void add_address(char *text, size_t size, const Address *address, unsigned prefix_length) {
    const Subnet shown = { *address, prefix_length };
    char word[ADDRESS_TEXT_MAX];
    size_t length = strlen(text);
    if (address_is_set(address))
        snprintf(text + length, size - length, "%s%s", length > 0 ? " " : "", subnet_format(&shown, word, sizeof word));
}

/* What the interfaces of the running start have. */
static void show_held_addresses(const Inspector *in, const Wiring *wiring, LimitReport *report) {
    for (size_t i = 0; in->found && i < in->found->n_leaves; i++) {
        _cleanup_(cleanup_close) int fd = -1;
        const NodeLeaf *leaf = in->found->leaves + i;
        Subnet held[ADDRESS_FAMILIES_COUNT];
        if (!leaf->populated || links_namespace_of(leaf->main_pid, leaf->main_start_ticks, &fd) < 0)
            continue;
        for (unsigned j = 0; j < wiring->n_attachments && links_addresses(fd, j, held) == 0; j++)
            for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++)
                add_address(report->written, sizeof report->written, &held[family].gateway, held[family].prefix_length);
        return;
    }
}

/* Leased ones too: which they are is said nowhere else. */
static void report_addresses(const Inspector *in, LimitReport *report) {
    const Wiring *wiring = in->group->workload ? &in->group->workload->wiring : NULL;
    *report = (LimitReport){ .key = "Address", .bitten = UINT64_MAX };
    for (size_t i = 0; wiring && i < wiring->n_attachments; i++)
        for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++)
            add_address(report->set, sizeof report->set, wiring->attachments[i].addresses + family,
                    wiring->attachments[i].network->subnets[family].prefix_length);
    if (wiring)
        show_held_addresses(in, wiring, report);
    memcpy(report->effective, report->written, sizeof report->written);
}

int inspect_limits(
        const ApplyTarget *target, const Policy *policy, const char *name, LimitReport ret[static LIMIT_REPORTS]) {
    Inspector in = { .target = target, .group = policy_group(policy, name), .group_fd = -1 };
    in.scheduler = policy->settings.scheduler;
    Node node = {};
    if (!in.group)
        return -ENOENT;
    int r = observe(target->tree, target->links, target->programs, policy, in.group->workload ? name : NULL, &node);
    if (r < 0)
        return r;
    if (node.n_above == 0)
        r = observe_above(target->tree, &node);
    in.node = &node;
    in.found = node_group(&node, name); /* NULL: it could not be made; then nothing is written */
    if (in.found)
        cgroup_open(target->tree->fd, in.found->path, &in.group_fd);
    for (size_t i = 0; r == 0 && i < LIMITS_COUNT; i++)
        report_limit(&in, limits + i, ret + i);
    for (size_t i = 0; r == 0 && i < FILTERS_COUNT; i++)
        report_filter(&in, (FilterId) i, ret + LIMITS_COUNT + i);
    if (r == 0)
        report_addresses(&in, ret + LIMIT_REPORTS - 1);
    close_fd(in.group_fd);
    node_done(&node);
    return r;
}
