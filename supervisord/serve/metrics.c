/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Policy and ledger as an exposition: a family at a time, nothing for what is absent. */

#include "serve/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <sys/mman.h>

#include "base/parse.h"
#include "bpf/slot.h"

#define NSEC_PER_SEC (NSEC_PER_USEC * USEC_PER_SEC)

typedef struct Text {
    const MetricsSource *source;
    const LedgerEntry *entries[GROUPS_MAX]; /* by index in the policy; NULL: nothing is known of it */
    Exposition out;
} Text;

#define DAEMON_PREFIX "supervisord_"
static const char *const group_prefixes[GROUP_KINDS_COUNT] = {
    [GROUP_SLICE] = DAEMON_PREFIX "slice_",
    [GROUP_WORKLOAD] = DAEMON_PREFIX "workload_",
};

static void put_group_labels(Exposition *out, GroupKind kind, const char *name, const char *parent) {
    bool is_workload = kind == GROUP_WORKLOAD;

    exposition_label(out, is_workload ? "workload" : "slice", name);
    exposition_label(out, is_workload ? "slice" : "parent", parent ? parent : "");
}

/* --- the daemon -------------------------------------------------------------------------------------------------- */

static void write_single(Exposition *out, const char *stem, const char *help, uint64_t value, uint64_t per_base) {
    const Family family = { DAEMON_PREFIX, stem, FAMILY_GAUGE, help, per_base };

    exposition_family(out, &family);
    exposition_series(out, "");
    exposition_value(out, value);
}

static uint64_t realtime_usec(const MetricsSource *source, uint64_t usec) {
    return usec + (uint64_t) source->realtime_offset_usec;
}

static void write_daemon(Text *text) {
    static const Family build_info = { DAEMON_PREFIX, "build_info", FAMILY_INFO, "Always 1; the version is a label.",
        1 };
    const MetricsSource *source = text->source;
    Exposition *out = &text->out;

    exposition_family(out, &build_info);
    exposition_series(out, "");
    exposition_label(out, "version", source->version);
    exposition_value(out, 1);
    write_single(out, "start_time_seconds", "When the daemon was started, in Unix time.",
            realtime_usec(source, source->started_usec), USEC_PER_SEC);
    write_single(out, "config_last_reload_successful", "Whether the last load of the policy was successful.",
            source->last_reload_ok ? 1 : 0, 1);
    if (source->last_reload_usec > 0)
        write_single(out, "config_last_reload_success_timestamp_seconds",
                "When the policy was last loaded successfully, in Unix time.",
                realtime_usec(source, source->last_reload_usec), USEC_PER_SEC);
}

static void write_workload_states(Text *text) {
    static const Family family = { DAEMON_PREFIX, "workloads", FAMILY_GAUGE, "Workloads of the policy by state.", 1 };
    const Policy *policy = text->source->policy;
    uint64_t counts[RUN_STATES_COUNT] = { 0 };

    for (size_t i = 0; i < policy->n_groups; i++)
        if (policy->groups[i]->kind == GROUP_WORKLOAD)
            counts[text->entries[i] ? text->entries[i]->run.state : RUN_STOPPED]++;

    exposition_family(&text->out, &family);
    for (RunState state = 0; state < RUN_STATES_COUNT; state++) {
        exposition_series(&text->out, "");
        exposition_label(&text->out, "state", run_state_name(state));
        exposition_value(&text->out, counts[state]);
    }
}

/* --- workloads and slices ---------------------------------------------------------------------------------------- */

/* False: absent. */
typedef bool (*GroupNumber)(const Text *text, const LedgerEntry *entry, const Meter *meter, uint64_t *ret);

static void write_group_family(Text *text, const Family *shape, GroupKind kind, GroupNumber get, const Meter *meter) {
    const Policy *policy = text->source->policy;
    Family family = *shape;
    uint64_t value;

    family.prefix = group_prefixes[kind];
    exposition_family(&text->out, &family);
    for (size_t i = 0; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i];
        if (group->kind != kind || !text->entries[i] || !get(text, text->entries[i], meter, &value))
            continue;

        exposition_series(&text->out, "");
        put_group_labels(&text->out, kind, group->name, group->parent ? group->parent->name : NULL);
        exposition_value(&text->out, value);
    }
}

static bool get_sampled(const Text *text, const LedgerEntry *entry, const Meter *meter, uint64_t *ret) {
    const Sample *sample = ledger_entry_newest(entry);
    if (!sample || !sample_has(sample, meter->id))
        return false;

    *ret = sample->values[meter->id];
    return true;
}

static bool get_degraded(const Text *text, const LedgerEntry *entry, const Meter *meter, uint64_t *ret) {
    *ret = ledger_entry_degraded(entry) ? 1 : 0;
    return true;
}

static bool get_restarts(const Text *text, const LedgerEntry *entry, const Meter *meter, uint64_t *ret) {
    *ret = entry->run.n_restarts;
    return true;
}

static bool get_start_time(const Text *text, const LedgerEntry *entry, const Meter *meter, uint64_t *ret) {
    if (entry->run.main_pid == 0)
        return false;

    *ret = realtime_usec(text->source, entry->run.started_usec);
    return true;
}

static void write_groups(Text *text) {
    static const Family restarts = { NULL, "restarts_total", FAMILY_COUNTER, "Restarts that nobody asked for.", 1 };
    static const Family start_time = { NULL, "start_time_seconds", FAMILY_GAUGE,
        "When the main process was started, in Unix time.", USEC_PER_SEC };
    static const Family degraded = { NULL, "degraded", FAMILY_GAUGE,
        "Whether a step of the plan failed, so that not all that should hold does.", 1 };

    write_group_family(text, &restarts, GROUP_WORKLOAD, get_restarts, NULL);
    write_group_family(text, &start_time, GROUP_WORKLOAD, get_start_time, NULL);
    for (GroupKind kind = GROUP_KINDS_COUNT; kind-- > 0;)
        write_group_family(text, &degraded, kind, get_degraded, NULL);

    FOREACH_METER (meter) {
        FamilyType type = meter->kind == METER_COUNTER ? FAMILY_COUNTER : FAMILY_GAUGE;
        const Family family = { NULL, meter->metric, type, meter->help, meter_unit_per_base(meter->unit) };
        for (GroupKind kind = GROUP_KINDS_COUNT; kind-- > 0;)
            write_group_family(text, &family, kind, get_sampled, meter);
    }
}

/* --- eBPF -------------------------------------------------------------------------------------------------------- */

static bool get_loaded(const MetricsProgram *program, uint64_t *ret) {
    *ret = program->loaded ? 1 : 0;
    return true;
}

static bool get_runs(const MetricsProgram *program, uint64_t *ret) {
    *ret = program->runs;
    return program->runs > 0;
}

static bool get_run_time(const MetricsProgram *program, uint64_t *ret) {
    *ret = program->run_nsec;
    return program->runs > 0;
}

static const struct {
    Family family;
    bool (*get)(const MetricsProgram *program, uint64_t *ret);
} program_families[] = {
    { { DAEMON_PREFIX, "bpf_loaded", FAMILY_GAUGE, "Whether the eBPF program is loaded.", 1 }, get_loaded },
    { { DAEMON_PREFIX, "bpf_runs_total", FAMILY_COUNTER, "Runs of the eBPF program, while they were measured.", 1 },
            get_runs },
    { { DAEMON_PREFIX, "bpf_run_seconds_total", FAMILY_COUNTER,
              "CPU time that the eBPF program took, while its runs were measured.", NSEC_PER_SEC },
            get_run_time },
};

static void write_programs(Text *text) {
    const MetricsSource *source = text->source;

    for (size_t i = 0; i < ELEMENTSOF(program_families); i++) {
        exposition_family(&text->out, &program_families[i].family);
        for (size_t j = 0; j < source->n_programs; j++) {
            const MetricsProgram *program = &source->programs[j];
            uint64_t value;
            if (!program_families[i].get(program, &value))
                continue;
            exposition_series(&text->out, "");
            exposition_label(&text->out, "program", program->name);
            exposition_value(&text->out, value);
        }
    }
}

static void begin_histogram(Exposition *out, const char *suffix, const MetricsHistogram *histogram) {
    exposition_series(out, suffix);
    put_group_labels(out, GROUP_SLICE, histogram->name, histogram->parent);
}

static void write_histogram(Exposition *out, const MetricsHistogram *histogram) {
    uint64_t count = 0;

    for (size_t i = 0; i < histogram->n_buckets; i++) {
        count += histogram->buckets[i];
        begin_histogram(out, "_bucket", histogram);
        if (i + 1 < histogram->n_buckets)
            exposition_number_label(out, "le", (uint64_t) HISTOGRAM_UNIT_NSEC << i);
        else
            exposition_label(out, "le", "+Inf");
        exposition_count(out, count);
    }
    begin_histogram(out, "_sum", histogram);
    exposition_value(out, histogram->sum_nsec);
    begin_histogram(out, "_count", histogram);
    exposition_count(out, count);
}

static void write_wait_histograms(Text *text) {
    static const Family family = { DAEMON_PREFIX "slice_", "cpu_runqueue_wait_seconds", FAMILY_HISTOGRAM,
        "How long runnable tasks waited in a run queue.", NSEC_PER_SEC };
    const MetricsSource *source = text->source;

    exposition_family(&text->out, &family);
    for (size_t i = 0; i < source->n_wait_histograms; i++)
        write_histogram(&text->out, &source->wait_histograms[i]);
}

/* --- the text ---------------------------------------------------------------------------------------------------- */

void metrics_write(const MetricsSource *source, ExpositionFormat format, FILE *file) {
    Text text = { .source = source, .out = { .file = file, .format = format } };

    for (size_t i = 0; i < source->policy->n_groups; i++)
        text.entries[i] = ledger_find(source->ledger, source->policy->groups[i]->name);
    write_daemon(&text);
    write_workload_states(&text);
    write_groups(&text);
    write_wait_histograms(&text);
    write_programs(&text);
    exposition_end(&text.out);
}

static int write_to(const MetricsSource *source, ExpositionFormat format, int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return -errno;
    FILE *file = fdopen(copy, "w");
    if (!file) {
        close_fd(copy);
        return -ENOMEM;
    }

    __fsetlocking(file, FSETLOCKING_BYCALLER); /* nobody else has it */
    metrics_write(source, format, file);
    bool failed = ferror(file);
    return fclose(file) != 0 || failed ? -EIO : 0;
}

int metrics_snapshot(const MetricsSource *source, ExpositionFormat format, int *ret_fd) {
    _cleanup_(cleanup_close) int fd = memfd_create("supervisord-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    int r = write_to(source, format, fd);
    if (r < 0)
        return r;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return -errno;

    *ret_fd = TAKE_FD(fd);
    return 0;
}
