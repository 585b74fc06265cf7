/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Policy and ledger as an exposition: a family at a time, nothing for what is absent. The daemon's own are here. */

#include "serve/metrics.h"

#include <errno.h>
#include <stdio_ext.h>
#include <string.h>

#include "base/parse.h"
#include "serve/metrics-internal.h"

static void write_single(
        Exposition *out, const char *stem, FamilyType type, const char *help, uint64_t value, uint64_t per_base) {
    const Family family = { DAEMON_PREFIX, stem, type, help, per_base };

    exposition_family(out, &family);
    exposition_series(out, "");
    exposition_value(out, value);
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
    write_single(out, "start_time_seconds", FAMILY_GAUGE, "When the daemon was started, in Unix time.",
            realtime_usec(source, source->started_usec), USEC_PER_SEC);
    write_single(out, "config_last_reload_successful", FAMILY_GAUGE,
            "Whether the last load of the policy was successful.", source->last_reload_ok ? 1 : 0, 1);
    if (source->last_reload_usec > 0)
        write_single(out, "config_last_reload_success_timestamp_seconds", FAMILY_GAUGE,
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

/* --- own cost ---------------------------------------------------------------------------------------------------- */

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

static void write_lateness(Text *text) {
    static const Family family = { DAEMON_PREFIX, "tick_lateness_seconds", FAMILY_HISTOGRAM,
        "How much later than planned the meters were read.", NSEC_PER_SEC };
    const MetricsCost *cost = &text->source->cost;

    exposition_family(&text->out, &family);
    if (cost->lateness)
        metrics_write_histogram(&text->out, NULL, cost->lateness, cost->lateness_nsec);
}

static void write_cost(Text *text) {
    const MetricsCost *cost = &text->source->cost;
    Exposition *out = &text->out;

    write_single(out, "process_cpu_seconds_total", FAMILY_COUNTER, "CPU time that the daemon used.", cost->cpu_nsec,
            NSEC_PER_SEC);
    write_single(out, "process_resident_memory_bytes", FAMILY_GAUGE, "Memory of the daemon that is in RAM.",
            cost->resident_bytes, 1);
    if (cost->open_files > 0)
        write_single(
                out, "process_open_fds", FAMILY_GAUGE, "Descriptors that the daemon has open.", cost->open_files, 1);
    if (cost->exits_lost != COUNTER_ABSENT)
        write_single(out, "exit_records_lost_total", FAMILY_COUNTER,
                "Ends of workloads that could not be recorded, as too many others had not been looked at.",
                cost->exits_lost, 1);
    if (cost->map_bytes > 0)
        write_single(out, "bpf_map_memory_bytes", FAMILY_GAUGE, "Kernel memory of the eBPF maps.", cost->map_bytes, 1);
    if (cost->scrape_nsec > 0)
        write_single(out, "scrape_duration_seconds", FAMILY_GAUGE,
                "Time that the daemon took to read all meters and write this text, the time before.", cost->scrape_nsec,
                NSEC_PER_SEC);
    write_lateness(text);
    write_programs(text);
}

static void write_residual(Text *text) {
    static const Family family = { DAEMON_PREFIX, "share_residual_seconds_total", FAMILY_COUNTER,
        "CPU time by which entitled and borrowed were not used, lent and denied; more than rounding is an error.",
        USEC_PER_SEC };

    exposition_family(&text->out, &family);
    exposition_series(&text->out, "");
    exposition_label(&text->out, "resource", "cpu");
    exposition_value(&text->out, text->source->share_residual_usec);
}

/* Entries of one file are counted together. */
static void write_drift(Text *text) {
    static const Family family = { DAEMON_PREFIX, "cgroup_drift_total", FAMILY_COUNTER,
        "How often a cgroup file was found to have been changed by somebody else.", 1 };
    const uint64_t *counts = text->source->drift_counts;
    uint64_t sum = 0;

    if (!counts)
        return;
    exposition_family(&text->out, &family);
    FOREACH_KNOB (knob) {
        sum += counts[knob->id];
        if (knob + 1 < knobs + KNOBS_COUNT && strcmp(knob->file, knob[1].file) == 0)
            continue;
        exposition_series(&text->out, "");
        exposition_label(&text->out, "knob", knob->file);
        exposition_value(&text->out, sum);
        sum = 0;
    }
}

/* --- the text ---------------------------------------------------------------------------------------------------- */

void metrics_write(const MetricsSource *source, ExpositionFormat format, FILE *file) {
    Text text = { .source = source, .out = { .file = file, .format = format } };

    for (size_t i = 0; i < source->policy->n_groups; i++) {
        text.entries[i] = ledger_find(source->ledger, source->policy->groups[i]->name);
        text.sets[i] = policy_metrics_of(source->policy, source->policy->groups[i]);
    }
    write_daemon(&text);
    write_workload_states(&text);
    metrics_write_groups(&text);
    metrics_write_details(&text);
    write_drift(&text);
    write_residual(&text);
    write_cost(&text);
    exposition_end(&text.out);
}

int metrics_text(const MetricsSource *source, ExpositionFormat format, char **ret_text, size_t *ret_size) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return -ENOMEM;

    __fsetlocking(file, FSETLOCKING_BYCALLER); /* nobody else has it */
    metrics_write(source, format, file);
    bool failed = ferror(file);
    if (fclose(file) != 0 || failed) {
        free(text);
        return -ENOMEM;
    }
    *ret_text = text;
    *ret_size = size;
    return 0;
}
