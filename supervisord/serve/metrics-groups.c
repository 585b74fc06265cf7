/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Slices and workloads, a family at a time for one kind and then for the other. */

#include "base/parse.h"
#include "serve/metrics-internal.h"

/* One number of a group; false: absent. */
typedef bool GroupNumber(const Text *text, const Group *group, unsigned id, uint64_t *ret);

typedef struct GroupFamily {
    Family family; /* the prefix is that of the kind */
    GroupNumber *get;
    unsigned id;          /* of the limit or meter, for functions that serve several */
    MeterSet set;         /* that it belongs to */
    const char *resource; /* one more label; NULL */
} GroupFamily;

static const char *const group_prefixes[GROUP_KINDS_COUNT] = {
    [GROUP_SLICE] = DAEMON_PREFIX "slice_",
    [GROUP_WORKLOAD] = DAEMON_PREFIX "workload_",
};

void metrics_put_group_labels(Exposition *out, const Group *group) {
    bool is_workload = group->kind == GROUP_WORKLOAD;

    exposition_label(out, is_workload ? "workload" : "slice", group->name);
    exposition_label(out, is_workload ? "slice" : "parent", group->parent ? group->parent->name : "");
}

void metrics_group_family(Exposition *out, const Family *shape, GroupKind kind, Family *buffer) {
    *buffer = *shape;
    buffer->prefix = group_prefixes[kind];
    exposition_family(out, buffer);
}

static bool get_sampled(const Text *text, const Group *group, unsigned id, uint64_t *ret) {
    const Sample *sample = ledger_entry_sample(text->entries[group->index]);
    if (!sample || !sample_has(sample, id))
        return false;

    *ret = sample->values[id];
    return true;
}

static bool get_degraded(const Text *text, const Group *group, unsigned id, uint64_t *ret) {
    *ret = ledger_entry_degraded(text->entries[group->index]) ? 1 : 0;
    return true;
}

static bool get_restarts(const Text *text, const Group *group, unsigned id, uint64_t *ret) {
    *ret = text->entries[group->index]->run.n_restarts;
    return group->kind == GROUP_WORKLOAD;
}

static bool get_start_time(const Text *text, const Group *group, unsigned id, uint64_t *ret) {
    const Run *run = &text->entries[group->index]->run;
    if (run->main_pid == 0)
        return false;

    *ret = realtime_usec(text->source, run->started_usec);
    return true;
}

static bool get_limit(const Text *text, const Group *group, unsigned id, uint64_t *ret) {
    const LimitValue *value = &group->limits[id];

    *ret = value->amount;
    return value->is_set && value->amount != AMOUNT_INFINITY;
}

static const GroupFamily group_families[] = {
    { .family = { NULL, "restarts_total", FAMILY_COUNTER, "Restarts that nobody asked for.", 1 }, .get = get_restarts },
    { .family = { NULL, "start_time_seconds", FAMILY_GAUGE, "When the main process was started, in Unix time.",
              USEC_PER_SEC },
            .get = get_start_time },
    { .family = { NULL, "degraded", FAMILY_GAUGE,
              "Whether a step of the plan failed, so that not all that should hold does.", 1 },
            .get = get_degraded },
    { .family = { NULL, "spec_cpu_quota_ratio", FAMILY_GAUGE, "CPUQuota= of the policy; 1 is one CPU.",
              CPU_QUOTA_PER_CPU },
            .get = get_limit,
            .id = LIMIT_CPU_QUOTA },
    { .family = { NULL, "spec_memory_high_bytes", FAMILY_GAUGE, "MemoryHigh= of the policy.", 1 },
            .get = get_limit,
            .id = LIMIT_MEMORY_HIGH },
    { .family = { NULL, "spec_memory_limit_bytes", FAMILY_GAUGE, "MemoryMax= of the policy.", 1 },
            .get = get_limit,
            .id = LIMIT_MEMORY_MAX },
    { .family = { NULL, "threads_max", FAMILY_GAUGE, "TasksMax= of the policy.", 1 },
            .get = get_limit,
            .id = LIMIT_TASKS_MAX },
};

static void write_kind(Text *text, const GroupFamily *row, GroupKind kind) {
    const Policy *policy = text->source->policy;
    Family family;
    uint64_t value;

    metrics_group_family(&text->out, &row->family, kind, &family);
    for (size_t i = 0; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i];
        bool wanted = group->kind == kind && text->entries[i] && text->sets[i] & 1u << row->set;
        if (!wanted || !row->get(text, group, row->id, &value))
            continue;

        exposition_series(&text->out, "");
        metrics_put_group_labels(&text->out, group);
        if (row->resource)
            exposition_label(&text->out, "resource", row->resource);
        exposition_value(&text->out, value);
    }
}

static void write_family(Text *text, const GroupFamily *row) {
    for (GroupKind kind = GROUP_KINDS_COUNT; kind-- > 0;)
        write_kind(text, row, kind);
}

void metrics_write_groups(Text *text) {
    for (size_t i = 0; i < ELEMENTSOF(group_families); i++)
        write_family(text, &group_families[i]);
    FOREACH_METER (meter) {
        FamilyType type = meter->kind == METER_COUNTER ? FAMILY_COUNTER : FAMILY_GAUGE;
        const GroupFamily row = {
            .family = { NULL, meter->metric, type, meter->help, meter_unit_per_base(meter->unit) },
            .get = get_sampled,
            .id = meter->id,
            .set = meter->set,
            .resource = meter->resource,
        };
        write_family(text, &row);
    }
}
