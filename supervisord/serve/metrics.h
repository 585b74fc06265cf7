/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The metrics of one moment, made from policy, ledger and the meters table. */

#include "bpf/slot.h"
#include "model/ledger.h"
#include "model/policy.h"
#include "serve/exposition.h"

enum { METRICS_SERIES_PER_WORKLOAD_MAX = 40 }; /* unless Metrics= asks for more */

typedef struct MetricsProgram {
    const char *name;
    int loaded;
    uint64_t runs, run_nsec; /* 0: not measured */
} MetricsProgram;

typedef enum MetricsHistogramKind {
    METRICS_HISTOGRAM_WAIT,
    METRICS_HISTOGRAM_BLOCK,
    METRICS_HISTOGRAM_KINDS_COUNT,
} MetricsHistogramKind;

/* HISTOGRAM_BUCKETS as bpf/slot.h has them: powers of two of HISTOGRAM_UNIT_NSEC, the last one open. */
typedef struct MetricsHistogram {
    MetricsHistogramKind kind;
    const Group *group;
    const uint64_t *buckets;
    uint64_t sum_nsec;
} MetricsHistogram;

typedef struct MetricsDevice {
    const Group *group;
    char name[32];             /* "vdb"; "other": those without a row of their own */
    const struct block_io *io; /* by direction */
} MetricsDevice;

typedef struct MetricsDenials { /* of one filter of a group */
    const Group *group;
    FilterId filter;
    uint64_t count;
} MetricsDenials;

/* What the daemon itself takes. */
typedef struct MetricsCost {
    uint64_t cpu_nsec, resident_bytes;
    uint64_t open_files;      /* 0: this kernel does not say */
    uint64_t map_bytes;       /* of eBPF maps; 0: there are none */
    uint64_t exits_lost;      /* ends that nothing recorded; COUNTER_ABSENT: nobody counts */
    uint64_t scrape_nsec;     /* that the snapshot before this one took; 0: it is the first */
    const uint64_t *lateness; /* of sampling, as a histogram */
    uint64_t lateness_nsec;   /* its sum */
} MetricsCost;

typedef struct MetricsSource {
    const char *version;
    const Policy *policy;
    const Ledger *ledger;
    const MetricsProgram *programs;
    size_t n_programs;
    const MetricsHistogram *histograms; /* by kind, and only those that Metrics= asks for; devices as well */
    size_t n_histograms;
    const MetricsDevice *devices;
    size_t n_devices;
    const MetricsDenials *denials;
    size_t n_denials;
    const uint64_t *drift_counts; /* by KnobId; NULL: nobody looks */
    uint64_t share_residual_usec; /* by which the windows of the CPU account did not add up */
    MetricsCost cost;
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
/* The same into a fresh string. -ENOMEM */
int metrics_text(const MetricsSource *source, ExpositionFormat format, char **ret_text, size_t *ret_size);
