/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The meters table, and how a number is got out of a cgroup file's text. Metric names use cAdvisor's words, so that
 * dashboards carry over; a slot's own times and all that the kernel counts in nanoseconds stay in nanoseconds until shown.
 */

#include "model/meter.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "bpf/slot.h"

_Static_assert(METERS_COUNT <= 64, "Sample.present has a bit for each meter");

#define FROM_CGROUP(member) .source = METER_SOURCE_CGROUP, .offset = offsetof(struct cgroup_counters, member)
#define FROM_SLOT(member) .source = METER_SOURCE_SLOT, .offset = offsetof(struct slot, member)
#define FROM_BLOCK(direction, member) \
    .source = METER_SOURCE_BLOCK, .offset = offsetof(struct block_counts, io[BLOCK_##direction].member)
#define PLAIN_FILE(file_name, file_key) .file = file_name, .key = file_key, .file_scale = 1
#define USEC_FILE(file_name, file_key) .file = file_name, .key = file_key, .file_scale = NSEC_PER_USEC

const Meter meters[METERS_COUNT] = {
    [METER_CPU_USAGE] = {
        .id = METER_CPU_USAGE,
        .name = "cpu_usage",
        .metric = "cpu_usage_seconds_total",
        .help = "CPU time used.",
        .group = "cpu",
        .set = METER_SET_CORE,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_CGROUP(cpu_usage_nsec),
        USEC_FILE("cpu.stat", "usage_usec"),
    },
    [METER_CPU_USER] = {
        .id = METER_CPU_USER,
        .name = "cpu_user",
        .metric = "cpu_user_seconds_total",
        .help = "CPU time used in user mode.",
        .group = "cpu",
        .set = METER_SET_CORE,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_CGROUP(cpu_user_nsec),
        USEC_FILE("cpu.stat", "user_usec"),
    },
    [METER_CPU_SYSTEM] = {
        .id = METER_CPU_SYSTEM,
        .name = "cpu_system",
        .metric = "cpu_system_seconds_total",
        .help = "CPU time used in the kernel.",
        .group = "cpu",
        .set = METER_SET_CORE,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_CGROUP(cpu_system_nsec),
        USEC_FILE("cpu.stat", "system_usec"),
    },
    [METER_CPU_WAIT] = {
        .id = METER_CPU_WAIT,
        .name = "cpu_wait",
        .metric = "cpu_runqueue_seconds_total",
        .help = "Time that runnable tasks waited in a run queue, summed over tasks.",
        .group = "cpu",
        .set = METER_SET_LATENCY,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_SLOT(wait_nsec),
    },
    [METER_CPU_WAITS] = {
        .id = METER_CPU_WAITS,
        .name = "cpu_waits",
        .metric = "cpu_runqueue_waits_total",
        .help = "Times that a runnable task waited in a run queue.",
        .group = "cpu",
        .set = METER_SET_LATENCY,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_COUNT,
        FROM_SLOT(waits),
    },
    [METER_CPU_THROTTLED] = {
        .id = METER_CPU_THROTTLED,
        .name = "cpu_throttled",
        .metric = "cpu_cfs_throttled_seconds_total",
        .help = "Time for which its own CPU quota held it back, summed over CPUs.",
        .group = "cpu",
        .set = METER_SET_CORE,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_CGROUP(cpu_throttled_nsec),
        USEC_FILE("cpu.stat", "throttled_usec"),
    },
    [METER_CPU_PERIODS] = {
        .id = METER_CPU_PERIODS,
        .name = "cpu_periods",
        .metric = "cpu_cfs_periods_total",
        .help = "Periods of its own CPU quota in which it ran.",
        .group = "cpu",
        .set = METER_SET_CORE,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_COUNT,
        FROM_CGROUP(cpu_periods),
        PLAIN_FILE("cpu.stat", "nr_periods"),
    },
    [METER_CPU_THROTTLED_PERIODS] = {
        .id = METER_CPU_THROTTLED_PERIODS,
        .name = "cpu_throttled_periods",
        .metric = "cpu_cfs_throttled_periods_total",
        .help = "Periods in which its own CPU quota held it back.",
        .group = "cpu",
        .set = METER_SET_CORE,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_COUNT,
        FROM_CGROUP(cpu_throttled_periods),
        PLAIN_FILE("cpu.stat", "nr_throttled"),
    },
    [METER_CPU_PRESSURE_SOME] = {
        .id = METER_CPU_PRESSURE_SOME,
        .name = "cpu_pressure_some",
        .metric = "pressure_cpu_waiting_seconds_total",
        .help = "Time in which some task waited for a CPU, its own quota included.",
        .group = "cpu",
        .set = METER_SET_PSI,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_CGROUP(cpu_pressure_some_nsec),
        USEC_FILE("cpu.pressure", "some total="),
    },
    [METER_MEMORY_USAGE] = {
        .id = METER_MEMORY_USAGE,
        .name = "memory_usage",
        .metric = "memory_usage_bytes",
        .help = "Memory charged, page cache and kernel memory included.",
        .group = "memory",
        .set = METER_SET_CORE,
        .kind = METER_GAUGE,
        .unit = METER_UNIT_BYTES,
        FROM_CGROUP(memory_usage_bytes),
        PLAIN_FILE("memory.current", NULL),
    },
    [METER_MEMORY_ANON] = {
        .id = METER_MEMORY_ANON,
        .name = "memory_anon",
        .metric = "memory_anon_bytes",
        .help = "Anonymous memory: heaps, stacks, private mappings.",
        .group = "memory",
        .set = METER_SET_CORE,
        .kind = METER_GAUGE,
        .unit = METER_UNIT_BYTES,
        PLAIN_FILE("memory.stat", "anon"),
    },
    [METER_MEMORY_FILE] = {
        .id = METER_MEMORY_FILE,
        .name = "memory_file",
        .metric = "memory_file_bytes",
        .help = "Page cache, tmpfs and shared memory included.",
        .group = "memory",
        .set = METER_SET_CORE,
        .kind = METER_GAUGE,
        .unit = METER_UNIT_BYTES,
        PLAIN_FILE("memory.stat", "file"),
    },
    [METER_MEMORY_SWAP] = {
        .id = METER_MEMORY_SWAP,
        .name = "memory_swap",
        .metric = "memory_swap_bytes",
        .help = "Memory that was swapped out.",
        .group = "memory",
        .set = METER_SET_CORE,
        .kind = METER_GAUGE,
        .unit = METER_UNIT_BYTES,
        FROM_CGROUP(memory_swap_bytes),
        PLAIN_FILE("memory.swap.current", NULL),
    },
    [METER_MEMORY_PRESSURE_SOME] = {
        .id = METER_MEMORY_PRESSURE_SOME,
        .name = "memory_pressure_some",
        .metric = "pressure_memory_waiting_seconds_total",
        .help = "Time in which some task was stalled for want of memory.",
        .group = "memory",
        .set = METER_SET_PSI,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_CGROUP(memory_pressure_some_nsec),
        USEC_FILE("memory.pressure", "some total="),
    },
    [METER_MEMORY_PRESSURE_FULL] = {
        .id = METER_MEMORY_PRESSURE_FULL,
        .name = "memory_pressure_full",
        .metric = "pressure_memory_stalled_seconds_total",
        .help = "Time in which all tasks with work to do were stalled for want of memory.",
        .group = "memory",
        .set = METER_SET_PSI,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_CGROUP(memory_pressure_full_nsec),
        USEC_FILE("memory.pressure", "full total="),
    },
    [METER_MEMORY_OOM_KILLS] = {
        .id = METER_MEMORY_OOM_KILLS,
        .name = "memory_oom_kills",
        .metric = "oom_events_total",
        .help = "Processes killed for want of memory, whosever limit was met.",
        .group = "memory",
        .set = METER_SET_CORE,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_COUNT,
        FROM_CGROUP(memory_oom_kills),
        PLAIN_FILE("memory.events", "oom_kill"),
    },
    [METER_IO_READ_BYTES] = {
        .id = METER_IO_READ_BYTES,
        .name = "io_read_bytes",
        .metric = "fs_reads_bytes_total",
        .help = "Bytes read from block devices.",
        .group = "io",
        .set = METER_SET_IO,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_BYTES,
        FROM_BLOCK(READ, bytes),
        PLAIN_FILE("io.stat", "rbytes="),
    },
    [METER_IO_WRITE_BYTES] = {
        .id = METER_IO_WRITE_BYTES,
        .name = "io_write_bytes",
        .metric = "fs_writes_bytes_total",
        .help = "Bytes written to block devices.",
        .group = "io",
        .set = METER_SET_IO,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_BYTES,
        FROM_BLOCK(WRITE, bytes),
        PLAIN_FILE("io.stat", "wbytes="),
    },
    [METER_IO_READS] = {
        .id = METER_IO_READS,
        .name = "io_reads",
        .metric = "fs_reads_total",
        .help = "Read operations on block devices.",
        .group = "io",
        .set = METER_SET_IO,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_COUNT,
        FROM_BLOCK(READ, operations),
        PLAIN_FILE("io.stat", "rios="),
    },
    [METER_IO_WRITES] = {
        .id = METER_IO_WRITES,
        .name = "io_writes",
        .metric = "fs_writes_total",
        .help = "Write operations on block devices.",
        .group = "io",
        .set = METER_SET_IO,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_COUNT,
        FROM_BLOCK(WRITE, operations),
        PLAIN_FILE("io.stat", "wios="),
    },
    [METER_IO_READ_LATENCY] = {
        .id = METER_IO_READ_LATENCY,
        .name = "io_read_latency",
        .metric = "fs_read_seconds_total",
        .help = "Time that reads from block devices took, summed over operations.",
        .group = "io",
        .set = METER_SET_LATENCY,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_BLOCK(READ, nsec),
    },
    [METER_IO_WRITE_LATENCY] = {
        .id = METER_IO_WRITE_LATENCY,
        .name = "io_write_latency",
        .metric = "fs_write_seconds_total",
        .help = "Time that writes to block devices took, summed over operations.",
        .group = "io",
        .set = METER_SET_LATENCY,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_BLOCK(WRITE, nsec),
    },
    [METER_IO_PRESSURE_SOME] = {
        .id = METER_IO_PRESSURE_SOME,
        .name = "io_pressure_some",
        .metric = "pressure_io_waiting_seconds_total",
        .help = "Time in which some task was stalled on I/O.",
        .group = "io",
        .set = METER_SET_PSI,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_CGROUP(io_pressure_some_nsec),
        USEC_FILE("io.pressure", "some total="),
    },
    [METER_IO_PRESSURE_FULL] = {
        .id = METER_IO_PRESSURE_FULL,
        .name = "io_pressure_full",
        .metric = "pressure_io_stalled_seconds_total",
        .help = "Time in which all tasks with work to do were stalled on I/O.",
        .group = "io",
        .set = METER_SET_PSI,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_NSEC,
        FROM_CGROUP(io_pressure_full_nsec),
        USEC_FILE("io.pressure", "full total="),
    },
    [METER_NETWORK_RECEIVE_BYTES] = {
        .id = METER_NETWORK_RECEIVE_BYTES,
        .name = "network_receive_bytes",
        .metric = "network_receive_bytes_total",
        .help = "Bytes received, counted from the IP header on.",
        .group = "network",
        .set = METER_SET_NET,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_BYTES,
        FROM_SLOT(receive_bytes),
    },
    [METER_NETWORK_TRANSMIT_BYTES] = {
        .id = METER_NETWORK_TRANSMIT_BYTES,
        .name = "network_transmit_bytes",
        .metric = "network_transmit_bytes_total",
        .help = "Bytes sent, counted from the IP header on.",
        .group = "network",
        .set = METER_SET_NET,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_BYTES,
        FROM_SLOT(transmit_bytes),
    },
    [METER_NETWORK_RECEIVE_PACKETS] = {
        .id = METER_NETWORK_RECEIVE_PACKETS,
        .name = "network_receive_packets",
        .metric = "network_receive_packets_total",
        .help = "Packets received, as they were on the wire.",
        .group = "network",
        .set = METER_SET_NET,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_COUNT,
        FROM_SLOT(receive_packets),
    },
    [METER_NETWORK_TRANSMIT_PACKETS] = {
        .id = METER_NETWORK_TRANSMIT_PACKETS,
        .name = "network_transmit_packets",
        .metric = "network_transmit_packets_total",
        .help = "Packets sent, as they were on the wire.",
        .group = "network",
        .set = METER_SET_NET,
        .kind = METER_COUNTER,
        .unit = METER_UNIT_COUNT,
        FROM_SLOT(transmit_packets),
    },
    [METER_TASKS] = {
        .id = METER_TASKS,
        .name = "tasks",
        .metric = "threads",
        .help = "Processes and threads.",
        .group = "tasks",
        .set = METER_SET_CORE,
        .kind = METER_GAUGE,
        .unit = METER_UNIT_COUNT,
        FROM_CGROUP(tasks),
        PLAIN_FILE("pids.current", NULL),
    },
};

const char *meter_set_name(MeterSet set) {
    static const char *const names[METER_SETS_COUNT] = {
        [METER_SET_CORE] = "core",
        [METER_SET_PSI] = "psi",
        [METER_SET_LATENCY] = "latency",
        [METER_SET_IO] = "io",
        [METER_SET_NET] = "net",
        [METER_SET_HISTOGRAMS] = "histograms",
        [METER_SET_DEVICES] = "devices",
    };
    return names[set];
}

/* The number after `item` ("rbytes=") on one line of a nested-keyed file. */
static bool line_item(const char *line, size_t length, const char *item, uint64_t *ret) {
    const char *at = memmem(line, length, item, strlen(item));
    if (!at || (at > line && at[-1] != ' '))
        return false;

    *ret = strtoull(at + strlen(item), NULL, 10);
    return true;
}

/*
 * Nested-keyed files have lines "8:0 rbytes=1 wbytes=2" and "some avg10=0.00 total=3". The key "rbytes=" means the sum
 * over all lines, 0 if there are none; "some total=" means that of the line that begins with "some".
 */
static int nested_key(const char *text, const char *key, uint64_t *ret) {
    size_t word = strcspn(key, " ");
    bool one_line = key[word] == ' ', found = !one_line;
    const char *item = one_line ? key + word + 1 : key;
    uint64_t sum = 0, number;

    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        bool wanted = !one_line || (length > word && line[word] == ' ' && memcmp(line, key, word) == 0);
        if (wanted && line_item(line, length, item, &number)) {
            sum += number;
            found = true;
        }
        line += length + (line[length] == '\n');
    }
    if (!found)
        return -ENODATA;

    *ret = sum;
    return 0;
}

int meter_parse(const Meter *meter, const char *text, uint64_t *ret) {
    uint64_t number;
    int r;

    if (!meter->key)
        r = parse_u64(text, &number);
    else if (strchr(meter->key, '='))
        r = nested_key(text, meter->key, &number);
    else
        r = flat_key_u64(text, meter->key, &number);
    if (r < 0)
        return r;

    *ret = number * meter->file_scale;
    return 0;
}

uint64_t meter_memory_bytes(uint64_t n_groups, uint64_t cpus) {
    uint64_t once = sizeof(struct slot) + sizeof(struct cgroup_counters) +
                    CGROUPS_PER_SLOT * (sizeof(__u64) + sizeof(struct cgroup_slot)) +
                    BLOCK_ROWS_PER_SLOT * sizeof(struct block_key);
    uint64_t on_each_cpu = sizeof(struct slot) + BLOCK_ROWS_PER_SLOT * sizeof(struct block_counts);

    return n_groups * (once + on_each_cpu * cpus);
}

uint64_t meter_unit_per_base(MeterUnit unit) {
    static const uint64_t parts[] = {
        [METER_UNIT_NSEC] = NSEC_PER_USEC * USEC_PER_SEC,
        [METER_UNIT_BYTES] = 1,
        [METER_UNIT_COUNT] = 1,
    };
    return parts[unit];
}

double meter_in_base_units(const Meter *meter, uint64_t value) {
    return (double) value / meter_unit_per_base(meter->unit);
}
