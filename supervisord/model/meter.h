/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The meters table: every amount that can be read of a slice or workload. A row says what people call it, what unit and
 * kind it has, and where it comes from: eBPF first, the cgroup's own files second. To add a meter: one MeterId, one row,
 * one golden line; exporter, `supctl show` and `supctl top` walk the table.
 *
 * A Sample is all meters of one group at one time. A meter that could not be read is absent, never 0.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum MeterId {
    METER_CPU_USAGE,
    METER_CPU_USER,
    METER_CPU_SYSTEM,
    METER_CPU_WAIT, /* run-queue wait */
    METER_CPU_WAITS,
    METER_CPU_THROTTLED,
    METER_CPU_PERIODS,
    METER_CPU_THROTTLED_PERIODS,
    METER_CPU_PRESSURE_SOME,
    METER_CPU_ENTITLED, /* of what is used: model/account.h */
    METER_CPU_LENT,
    METER_CPU_BORROWED,
    METER_CPU_DENIED,
    METER_MEMORY_USAGE,
    METER_MEMORY_ANON,
    METER_MEMORY_FILE,
    METER_MEMORY_SWAP,
    METER_MEMORY_PRESSURE_SOME,
    METER_MEMORY_PRESSURE_FULL,
    METER_MEMORY_OOM_KILLS,
    METER_IO_READ_BYTES,
    METER_IO_WRITE_BYTES,
    METER_IO_READS,
    METER_IO_WRITES,
    METER_IO_READ_LATENCY, /* seconds that operations took, summed */
    METER_IO_WRITE_LATENCY,
    METER_IO_PRESSURE_SOME,
    METER_IO_PRESSURE_FULL,
    METER_NETWORK_RECEIVE_BYTES,
    METER_NETWORK_TRANSMIT_BYTES,
    METER_NETWORK_RECEIVE_PACKETS,
    METER_NETWORK_TRANSMIT_PACKETS,
    METER_TASKS,
    METERS_COUNT,
} MeterId;

/* What Metrics= names: what is exported of a group is chosen by sets. */
typedef enum MeterSet {
    METER_SET_CORE,
    METER_SET_PSI,
    METER_SET_LATENCY,
    METER_SET_IO,
    METER_SET_NET,
    METER_SET_SHARE,
    METER_SET_HISTOGRAMS, /* beyond the meters: many series each */
    METER_SET_DEVICES,
    METER_SETS_COUNT,
} MeterSet;

const char *meter_set_name(MeterSet set); /* "core" */

typedef enum MeterKind {
    METER_COUNTER,
    METER_GAUGE,
} MeterKind;

/* The unit that the raw 64-bit number is in; the exporter turns it into base units (seconds, bytes). */
typedef enum MeterUnit {
    METER_UNIT_NSEC,
    METER_UNIT_BYTES,
    METER_UNIT_COUNT,
} MeterUnit;

/* Where eBPF keeps it. */
typedef enum MeterSource {
    METER_SOURCE_NONE,
    METER_SOURCE_CGROUP,  /* struct cgroup_counters, filled by the iterator pass; hierarchical */
    METER_SOURCE_SLOT,    /* struct slot, counted by our own programs; a slice's is the sum over what is in it */
    METER_SOURCE_BLOCK,   /* summed over the slot's devices; a slice's as above */
    METER_SOURCE_ACCOUNT, /* struct account_counts, the daemon's own */
} MeterSource;

typedef struct Meter {
    MeterId id;
    const char *name;     /* "cpu_usage": what `supctl` calls it */
    const char *metric;   /* "cpu_usage_seconds_total", after "supervisord_workload_" or "supervisord_slice_" */
    const char *help;     /* one sentence with a full stop */
    const char *resource; /* label of the metric; NULL: its name says it */
    const char *group;    /* heading in `show`: "cpu", "memory", "io", "network", "tasks" */
    MeterSet set;
    MeterKind kind;
    MeterUnit unit; /* of the value in a Sample */
    MeterSource source;
    size_t offset;    /* of a uint64_t within the source's struct */
    const char *file; /* cgroup file, used when the source is absent; NULL: only eBPF can tell */
    const char *
            key; /* flat key; "some total=" of a pressure file; "rbytes=" of io.stat, summed over devices; NULL: the file is the number */
    uint64_t file_scale; /* multiplies the file's number into `unit` (usec file, nsec meter: 1000) */
} Meter;

extern const Meter meters[METERS_COUNT];

#define FOREACH_METER(meter) for (const Meter *meter = meters; meter < meters + METERS_COUNT; meter++)

/* Gets the meter's number, in `unit`, out of the text of its file. -ENODATA: the file does not tell it; -EINVAL, -ERANGE. */
int meter_parse(const Meter *meter, const char *text, uint64_t *ret);

/* Kernel memory of the eBPF maps that count n groups: a slot for each, most of it on every CPU. */
uint64_t meter_memory_bytes(uint64_t n_groups, uint64_t cpus);

typedef struct Sample {
    uint64_t at_usec; /* CLOCK_MONOTONIC; 0: no sample */
    uint64_t present; /* bit per MeterId */
    uint64_t values[METERS_COUNT];
} Sample;

static inline bool sample_has(const Sample *sample, MeterId id) {
    return sample->present & (UINT64_C(1) << id);
}

static inline void sample_set(Sample *sample, MeterId id, uint64_t value) {
    sample->present |= UINT64_C(1) << id;
    sample->values[id] = value;
}

/* How many of the unit make a base unit (second, byte, one). */
uint64_t meter_unit_per_base(MeterUnit unit);
/* The meter's number in base units. */
double meter_in_base_units(const Meter *meter, uint64_t value);
