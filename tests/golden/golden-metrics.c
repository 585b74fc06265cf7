/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Prints the metrics of a made-up node, as the exporter would get them.
 *
 *     golden-metrics CASE FORMAT
 *
 * check-metrics compares what comes out with metrics/CASE.FORMAT.
 */

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "bpf/slot.h"
#include "serve/metrics.h"

#define SECOND USEC_PER_SEC

enum { PROD, WEB_TIER, WEB, DB, BATCH, N_GROUPS };

#define ALL_LIMITS                                                                                                    \
    [LIMIT_CPU_WEIGHT] = { .is_set = true, .amount = 250 }, [LIMIT_CPU_QUOTA] = { .is_set = true, .amount = 250055 }, \
    [LIMIT_MEMORY_HIGH] = { .is_set = true, .amount = 1 << 30 },                                                      \
    [LIMIT_MEMORY_MAX] = { .is_set = true, .amount = UINT64_C(2) << 30 },                                             \
    [LIMIT_TASKS_MAX] = { .is_set = true, .amount = 512 }

static Workload any_workload = { .life.running = true };
static Group nodes[N_GROUPS] = {
    [PROD] = { .name = (char[]){ "prod" }, .kind = GROUP_SLICE, .limits = { ALL_LIMITS } },
    [WEB_TIER] = { .name = (char[]){ "web-tier" },
            .kind = GROUP_SLICE,
            .limits = { ALL_LIMITS },
            .parent = &nodes[PROD] },
    [WEB] = { .name = (char[]){ "web@1.example" },
            .kind = GROUP_WORKLOAD,
            .limits = { ALL_LIMITS },
            .parent = &nodes[WEB_TIER],
            .workload = &any_workload },
    [DB] = { .name = (char[]){ "db" }, .kind = GROUP_WORKLOAD, .parent = &nodes[PROD], .workload = &any_workload },
    [BATCH] = { .name = (char[]){ "batch" },
            .kind = GROUP_WORKLOAD,
            .limits = { [LIMIT_MEMORY_MAX] = { .is_set = true, .amount = AMOUNT_INFINITY } },
            .metrics = 1u << METER_SET_CORE | 1u << METER_SET_NET,
            .workload = &any_workload },
};
static const Policy no_policy = { .groups = NULL };
static const Policy policy = {
    .groups = (Group *[]){ &nodes[PROD], &nodes[WEB_TIER], &nodes[WEB], &nodes[DB], &nodes[BATCH] },
    .n_groups = N_GROUPS,
};

static const uint64_t waits[HISTOGRAM_BUCKETS] = { [0] = 5, [1] = 3, [10] = 2, [22] = 1, [23] = 1 };
static const MetricsHistogram histograms[] = {
    { METRICS_HISTOGRAM_WAIT, &nodes[PROD], waits, 12000000001 },
    { METRICS_HISTOGRAM_WAIT, &nodes[WEB_TIER], waits, 12000000000 },
    { METRICS_HISTOGRAM_WAIT, &nodes[WEB], waits, 12000000002 },
    { METRICS_HISTOGRAM_BLOCK, &nodes[PROD], waits, 13000000000 },
    { METRICS_HISTOGRAM_BLOCK, &nodes[WEB], waits, 13000000000 },
};
static const struct block_io io[BLOCK_DIRECTIONS] = {
    [BLOCK_READ] = { 1, 2, 3 }, [BLOCK_WRITE] = { 4, 5, 6000000007 }
};
static const MetricsDevice devices[] = {
    { &nodes[WEB], "nvme0n1", io },
    { &nodes[WEB], "other", io },
    { &nodes[WEB_TIER], "cciss/c0d0", io },
};
static const MetricsDenials denials[] = {
    { &nodes[PROD], FILTER_BINDS, 4 },
    { &nodes[WEB], FILTER_DEVICES, 0 },
    { &nodes[WEB], FILTER_ADDRESSES, UINT64_C(1) << 40 },
};
static const MetricsProgram programs[] = {
    { .name = "maps", .loaded = true },
    { .name = "wait", .loaded = true, .runs = 1000, .run_nsec = 94001 },
    { .name = "exits", .loaded = false },
};

static LedgerEntry *entry_of(Ledger *ledger, size_t i) {
    LedgerEntry *entry;

    errno = -ledger_entry(ledger, nodes[i].name, nodes[i].kind, &entry);
    if (errno != 0)
        err(EXIT_FAILURE, "%s", nodes[i].name);
    return entry;
}

/* Numbers that tell each meter and each group from all others. */
static void add_sample(LedgerEntry *entry, size_t i, uint64_t meters_present) {
    Sample sample = { .at_usec = 100 * SECOND };

    FOREACH_METER (meter) {
        if (meters_present & (UINT64_C(1) << meter->id))
            sample_set(&sample, meter->id, (meter->id + 1) * UINT64_C(1000000000) + i);
    }
    ledger_entry_set_sample(entry, &sample);
}

/* A daemon that has just been started, without a policy and without eBPF. */
static void make_empty(Ledger *ledger, MetricsSource *source) {
    source->policy = &no_policy;
    source->last_reload_ok = false;
    source->last_reload_usec = 0;
}

/* All that there is. */
static void make_full(Ledger *ledger, MetricsSource *source) {
    for (size_t i = 0; i < N_GROUPS; i++)
        add_sample(entry_of(ledger, i), i, UINT64_MAX);
    entry_of(ledger, WEB)->run =
            (Run){ .state = RUN_RUNNING, .main_pid = 42, .started_usec = 50 * SECOND + 1, .n_restarts = 3 };
    entry_of(ledger, DB)->run = (Run){ .state = RUN_STOPPING, .main_pid = 43, .started_usec = 60 * SECOND };
    entry_of(ledger, BATCH)->run = (Run){ .state = RUN_BACKOFF, .started_usec = 70 * SECOND, .n_restarts = 7 };
    ledger_entry_set_degraded(entry_of(ledger, DB), "memory.max: Invalid argument");
    ledger_entry_set_degraded(entry_of(ledger, WEB_TIER), "io.max: No such device");
    source->programs = programs;
    source->n_programs = ELEMENTSOF(programs);
    source->histograms = histograms;
    source->n_histograms = ELEMENTSOF(histograms);
    source->devices = devices;
    source->n_devices = ELEMENTSOF(devices);
    source->denials = denials;
    source->n_denials = ELEMENTSOF(denials);
    static const uint64_t drift_counts[KNOBS_COUNT] = {
        [KNOB_CPU_MAX] = 3, [KNOB_IO_MAX_RBPS] = 1, [KNOB_IO_MAX_WIOPS] = 2
    };
    source->drift_counts = drift_counts;
    source->cost = (MetricsCost){
        .cpu_nsec = 1500000000,
        .resident_bytes = 8 << 20,
        .open_files = 42,
        .map_bytes = 3 << 20,
        .exits_lost = 2,
        .scrape_nsec = 1234567,
        .lateness = waits,
        .lateness_nsec = 14000000000,
    };
}

/* Little can be read on this host; of some groups nothing is known, and one is not of the policy. */
static void make_partial(Ledger *ledger, MetricsSource *source) {
    LedgerEntry *other;

    add_sample(entry_of(ledger, WEB), WEB, UINT64_C(1) << METER_CPU_USAGE);
    add_sample(entry_of(ledger, DB), DB, UINT64_C(1) << METER_CPU_USAGE | UINT64_C(1) << METER_TASKS);
    entry_of(ledger, PROD);
    if (ledger_entry(ledger, "gone", GROUP_WORKLOAD, &other) < 0)
        errx(EXIT_FAILURE, "out of memory");
    add_sample(other, N_GROUPS, UINT64_MAX);
    source->last_reload_ok = false;
}

static const struct {
    const char *name;
    void (*make)(Ledger *ledger, MetricsSource *source);
} cases[] = {
    { "empty", make_empty },
    { "full", make_full },
    { "partial", make_partial },
};

int main(int argc, char *argv[]) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;
    MetricsSource source = {
        .version = "1.2.3",
        .policy = &policy,
        .started_usec = 10 * SECOND,
        .now_usec = 100 * SECOND,
        .realtime_offset_usec = 1700000000 * (int64_t) SECOND,
        .last_reload_ok = true,
        .last_reload_usec = 20 * SECOND + 500000,
    };

    ExpositionFormat format;

    if (argc != 3 || exposition_format_from_name(argv[2], &format) < 0 || ledger_new(&ledger) < 0)
        errx(EXIT_FAILURE, "usage: golden-metrics CASE FORMAT");
    source.ledger = ledger;
    for (size_t i = 0; i < N_GROUPS; i++)
        nodes[i].index = i;
    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        if (strcmp(cases[i].name, argv[1]) == 0) {
            cases[i].make(ledger, &source);
            metrics_write(&source, format, stdout);
            return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    errx(EXIT_FAILURE, "no such case: %s", argv[1]);
}
