/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Policy and ledger as Prometheus text: a family at a time, HELP and TYPE before its first series, nothing for what is
 * absent. Numbers are written exactly, in base units, without floating point. Label values need no escaping: names
 * have passed name_is_valid(), all others are our own words.
 */

#include "serve/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio_ext.h>
#include <sys/mman.h>

#include "base/parse.h"
#include "bpf/slot.h"

#define NSEC_PER_SEC (NSEC_PER_USEC * USEC_PER_SEC)

typedef struct Text {
    const MetricsSource *source;
    const LedgerEntry *entries[GROUPS_MAX]; /* by index in the policy; NULL: nothing is known of it */
    FILE *file;
} Text;

typedef struct Family {
    const char *prefix;
    const char *stem;
    const char *type;
    const char *help;
    uint64_t per_base; /* how many of the values' unit make a base unit */
} Family;

#define DAEMON_PREFIX "supervisord_"
static const char *const group_prefixes[GROUP_KINDS_COUNT] = {
    [GROUP_SLICE] = DAEMON_PREFIX "slice_",
    [GROUP_WORKLOAD] = DAEMON_PREFIX "workload_",
};

static void begin_family(FILE *file, const Family *family) {
    fprintf(file, "# HELP %s%s %s\n", family->prefix, family->stem, family->help);
    fprintf(file, "# TYPE %s%s %s\n", family->prefix, family->stem, family->type);
}

/* The family's head comes with its first series, so that an empty family leaves nothing. */
static void begin_series(FILE *file, const Family *family, bool *begun) {
    if (!*begun)
        begin_family(file, family);
    *begun = true;
    fputs(family->prefix, file);
    fputs(family->stem, file);
}

/* per_base is a power of ten. */
static void put_number(FILE *file, uint64_t value, uint64_t per_base) {
    uint64_t rest = value % per_base;

    fprintf(file, "%" PRIu64 "%s", value / per_base, rest > 0 ? "." : "");
    for (; rest > 0; rest %= per_base) {
        rest *= 10;
        fputc((int) ('0' + rest / per_base), file);
    }
}

static void end_series(FILE *file, const Family *family, uint64_t value) {
    fputc(' ', file);
    put_number(file, value, family->per_base);
    fputc('\n', file);
}

/* What is open at the end: the caller may add a label and closes the brace. */
static void put_group_labels(FILE *file, GroupKind kind, const char *name, const char *parent) {
    fprintf(file, kind == GROUP_WORKLOAD ? "{workload=\"%s\",slice=\"%s\"" : "{slice=\"%s\",parent=\"%s\"", name,
            parent ? parent : "");
}

/* --- the daemon -------------------------------------------------------------------------------------------------- */

static void write_single(FILE *file, const char *stem, const char *help, uint64_t value, uint64_t per_base) {
    const Family family = { DAEMON_PREFIX, stem, "gauge", help, per_base };
    bool begun = false;

    begin_series(file, &family, &begun);
    end_series(file, &family, value);
}

static uint64_t realtime_usec(const MetricsSource *source, uint64_t usec) {
    return usec + (uint64_t) source->realtime_offset_usec;
}

static void write_daemon(const Text *text) {
    static const Family build_info = { DAEMON_PREFIX, "build_info", "gauge", "Always 1; the version is a label.", 1 };
    const MetricsSource *source = text->source;
    bool begun = false;

    begin_series(text->file, &build_info, &begun);
    fprintf(text->file, "{version=\"%s\"}", source->version);
    end_series(text->file, &build_info, 1);
    write_single(text->file, "start_time_seconds", "When the daemon was started, in Unix time.",
            realtime_usec(source, source->started_usec), USEC_PER_SEC);
    write_single(text->file, "config_last_reload_successful", "Whether the last load of the policy was successful.",
            source->last_reload_ok ? 1 : 0, 1);
    if (source->last_reload_usec > 0)
        write_single(text->file, "config_last_reload_success_timestamp_seconds",
                "When the policy was last loaded successfully, in Unix time.",
                realtime_usec(source, source->last_reload_usec), USEC_PER_SEC);
}

static void write_workload_states(const Text *text) {
    static const Family family = { DAEMON_PREFIX, "workloads", "gauge", "Workloads of the policy by state.", 1 };
    const Policy *policy = text->source->policy;
    uint64_t counts[RUN_STATES_COUNT] = { 0 };
    bool begun = false;

    for (size_t i = 0; i < policy->n_groups; i++)
        if (policy->groups[i]->kind == GROUP_WORKLOAD)
            counts[text->entries[i] ? text->entries[i]->run.state : RUN_STOPPED]++;

    for (RunState state = 0; state < RUN_STATES_COUNT; state++) {
        begin_series(text->file, &family, &begun);
        fprintf(text->file, "{state=\"%s\"}", run_state_name(state));
        end_series(text->file, &family, counts[state]);
    }
}

/* --- workloads and slices ---------------------------------------------------------------------------------------- */

/* False: absent. */
typedef bool (*GroupNumber)(const Text *text, const LedgerEntry *entry, const Meter *meter, uint64_t *ret);

static void write_group_family(
        const Text *text, const Family *shape, GroupKind kind, GroupNumber get, const Meter *meter) {
    const Policy *policy = text->source->policy;
    Family family = *shape;
    bool begun = false;
    uint64_t value;

    family.prefix = group_prefixes[kind];
    for (size_t i = 0; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i];
        if (group->kind != kind || !text->entries[i] || !get(text, text->entries[i], meter, &value))
            continue;

        begin_series(text->file, &family, &begun);
        put_group_labels(text->file, kind, group->name, group->parent ? group->parent->name : NULL);
        fputc('}', text->file);
        end_series(text->file, &family, value);
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

static void write_groups(const Text *text) {
    static const Family restarts = { NULL, "restarts_total", "counter", "Restarts that nobody asked for.", 1 };
    static const Family start_time = { NULL, "start_time_seconds", "gauge",
        "When the main process was started, in Unix time.", USEC_PER_SEC };
    static const Family degraded = { NULL, "degraded", "gauge",
        "Whether a step of the plan failed, so that not all that should hold does.", 1 };

    write_group_family(text, &restarts, GROUP_WORKLOAD, get_restarts, NULL);
    write_group_family(text, &start_time, GROUP_WORKLOAD, get_start_time, NULL);
    for (GroupKind kind = GROUP_KINDS_COUNT; kind-- > 0;)
        write_group_family(text, &degraded, kind, get_degraded, NULL);

    FOREACH_METER (meter) {
        const char *type = meter->kind == METER_COUNTER ? "counter" : "gauge";
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
    { { DAEMON_PREFIX, "bpf_loaded", "gauge", "Whether the eBPF program is loaded.", 1 }, get_loaded },
    { { DAEMON_PREFIX, "bpf_runs_total", "counter", "Runs of the eBPF program, while they were measured.", 1 },
            get_runs },
    { { DAEMON_PREFIX, "bpf_run_seconds_total", "counter",
              "CPU time that the eBPF program took, while its runs were measured.", NSEC_PER_SEC },
            get_run_time },
};

static void write_programs(const Text *text) {
    const MetricsSource *source = text->source;

    for (size_t i = 0; i < ELEMENTSOF(program_families); i++) {
        const Family *family = &program_families[i].family;
        bool begun = false;
        uint64_t value;

        for (size_t j = 0; j < source->n_programs; j++) {
            const MetricsProgram *program = &source->programs[j];
            if (!program_families[i].get(program, &value))
                continue;
            begin_series(text->file, family, &begun);
            fprintf(text->file, "{program=\"%s\"}", program->name);
            end_series(text->file, family, value);
        }
    }
}

static void put_bucket(FILE *file, const Family *family, const MetricsHistogram *histogram, size_t i, uint64_t count) {
    fprintf(file, "%s%s_bucket", family->prefix, family->stem);
    put_group_labels(file, GROUP_SLICE, histogram->name, histogram->parent);
    fputs(",le=\"", file);
    if (i + 1 < histogram->n_buckets)
        put_number(file, (uint64_t) HISTOGRAM_UNIT_NSEC << i, NSEC_PER_SEC);
    else
        fputs("+Inf", file);
    fprintf(file, "\"} %" PRIu64 "\n", count);
}

static void write_histogram(FILE *file, const Family *family, const MetricsHistogram *histogram) {
    uint64_t count = 0;

    for (size_t i = 0; i < histogram->n_buckets; i++)
        put_bucket(file, family, histogram, i, count += histogram->buckets[i]);

    fprintf(file, "%s%s_sum", family->prefix, family->stem);
    put_group_labels(file, GROUP_SLICE, histogram->name, histogram->parent);
    fputs("} ", file);
    put_number(file, histogram->sum_nsec, NSEC_PER_SEC);
    fprintf(file, "\n%s%s_count", family->prefix, family->stem);
    put_group_labels(file, GROUP_SLICE, histogram->name, histogram->parent);
    fprintf(file, "} %" PRIu64 "\n", count);
}

static void write_wait_histograms(const Text *text) {
    static const Family family = { DAEMON_PREFIX "slice_", "cpu_runqueue_wait_seconds", "histogram",
        "How long runnable tasks waited in a run queue.", NSEC_PER_SEC };
    const MetricsSource *source = text->source;

    if (source->n_wait_histograms > 0)
        begin_family(text->file, &family);
    for (size_t i = 0; i < source->n_wait_histograms; i++)
        write_histogram(text->file, &family, &source->wait_histograms[i]);
}

/* --- the text ---------------------------------------------------------------------------------------------------- */

void metrics_write(const MetricsSource *source, FILE *file) {
    Text text = { .source = source, .file = file };

    for (size_t i = 0; i < source->policy->n_groups; i++)
        text.entries[i] = ledger_find(source->ledger, source->policy->groups[i]->name);
    write_daemon(&text);
    write_workload_states(&text);
    write_groups(&text);
    write_wait_histograms(&text);
    write_programs(&text);
}

static int write_to(const MetricsSource *source, int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return -errno;
    FILE *file = fdopen(copy, "w");
    if (!file) {
        close_fd(copy);
        return -ENOMEM;
    }

    __fsetlocking(file, FSETLOCKING_BYCALLER); /* nobody else has it */
    metrics_write(source, file);
    bool failed = ferror(file);
    return fclose(file) != 0 || failed ? -EIO : 0;
}

int metrics_snapshot(const MetricsSource *source, int *ret_fd) {
    _cleanup_(cleanup_close) int fd = memfd_create("supervisord-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    int r = write_to(source, fd);
    if (r < 0)
        return r;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return -errno;

    *ret_fd = TAKE_FD(fd);
    return 0;
}
