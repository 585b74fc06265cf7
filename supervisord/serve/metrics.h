/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The metrics of one moment, made from policy, ledger and the meters table; put into a sealed memfd, so that the exporter
 * can serve it as often as it is asked without meeting the daemon.
 */

#include "model/ledger.h"
#include "model/policy.h"
#include "serve/exposition.h"

typedef struct MetricsProgram {
    const char *name;
    int loaded;
    uint64_t runs, run_nsec; /* 0: not measured */
} MetricsProgram;

typedef struct MetricsHistogram { /* run-queue wait or block latency of one group, cumulative buckets are made here */
    const char *name;             /* of the group */
    const char *parent;           /* or NULL */
    const uint64_t *buckets;      /* as bpf/slot.h has them: powers of two of HISTOGRAM_UNIT_NSEC, the last one open */
    size_t n_buckets;
    uint64_t sum_nsec;
} MetricsHistogram;

typedef struct MetricsSource {
    const char *version;
    const Policy *policy;
    const Ledger *ledger;
    const MetricsProgram *programs;
    size_t n_programs;
    const MetricsHistogram *wait_histograms; /* of slices */
    size_t n_wait_histograms;
    uint64_t started_usec, now_usec; /* CLOCK_MONOTONIC */
    int64_t realtime_offset_usec;    /* realtime = monotonic + this */
    int last_reload_ok;
    uint64_t last_reload_usec; /* CLOCK_MONOTONIC, the last that was successful; 0: none was */
} MetricsSource;

/*
 * Writes the text. A family has either workloads or slices, so that its sum over all labels means something:
 * supervisord_workload_*{workload,slice} and supervisord_slice_*{slice,parent}, "" for none. A slice contains the slices
 * in it: sum those with the same parent. Only what is present is written.
 */
void metrics_write(const MetricsSource *source, ExpositionFormat format, FILE *file);
/* The same into a sealed memfd of its own; -errno. */
int metrics_snapshot(const MetricsSource *source, ExpositionFormat format, int *ret_fd);
