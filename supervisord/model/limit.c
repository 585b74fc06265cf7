/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The limits table and the functions of its rows. Canonical text is what the kernel shows after it was written, so
 * that policy and node can be compared as strings: ranges and rounding here are those of the kernel's own parsers
 * (Documentation/admin-guide/cgroup-v2.rst).
 */

#include "model/limit.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

enum {
    WEIGHT_MAX = 10000,
    TASKS_MAX = 4 * 1024 * 1024, /* PID_MAX_LIMIT of 64-bit kernels */
    PERMYRIAD_WHOLE = 10000,
    CPU_PERIOD_USEC = 100 * 1000,
    CPU_PERIOD_LONG_USEC = 1000 * 1000, /* the longest that the kernel takes */
    CPU_QUOTA_MIN_USEC = 1000,          /* in either period, the kernel refuses less */
    CPU_QUOTA_USEC_PER_PERMYRIAD = CPU_PERIOD_USEC / PERMYRIAD_WHOLE,
};

static const char infinity[] = "infinity";

static int in_range(uint64_t amount, uint64_t min, uint64_t max, uint64_t *ret) {
    if (amount < min || amount > max)
        return -ERANGE;
    *ret = amount;
    return 0;
}

static int parse_weight(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t weight;

    (void) scale;
    int r = parse_u64(text, &weight);
    return r < 0 ? r : in_range(weight, 1, WEIGHT_MAX, ret);
}

static int parse_tasks(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t tasks;

    (void) scale;
    if (strcmp(text, infinity) == 0) {
        *ret = AMOUNT_INFINITY;
        return 0;
    }
    int r = parse_u64(text, &tasks);
    return r < 0 ? r : in_range(tasks, 1, TASKS_MAX, ret);
}

/* The amount is microseconds in CPU_PERIOD_USEC, which holds every hundredth of a percent exactly. */
static int parse_cpu_quota(const char *text, const LimitScale *scale, uint64_t *ret) {
    const uint64_t permyriad_min = (uint64_t) CPU_QUOTA_MIN_USEC * PERMYRIAD_WHOLE / CPU_PERIOD_LONG_USEC;
    uint64_t permyriad;

    (void) scale;
    int r = parse_permyriad(text, &permyriad);
    if (r < 0)
        return r;
    r = in_range(permyriad, permyriad_min, (uint64_t) CPUS_MAX * PERMYRIAD_WHOLE, &permyriad);
    if (r < 0)
        return r;
    *ret = permyriad * CPU_QUOTA_USEC_PER_PERMYRIAD;
    return 0;
}

static int parse_memory_share(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t permyriad;

    int r = parse_permyriad(text, &permyriad);
    if (r < 0)
        return r;
    if (permyriad > PERMYRIAD_WHOLE)
        return -ERANGE;
    *ret = (unsigned __int128) scale->memory_total_bytes * permyriad / PERMYRIAD_WHOLE;
    return 0;
}

/* The kernel counts whole pages, and takes LONG_MAX for no limit. */
static int parse_memory_from(const char *text, const LimitScale *scale, uint64_t minimum_bytes, uint64_t *ret) {
    uint64_t bytes;

    int r = strchr(text, '%') ? parse_memory_share(text, scale, &bytes) : parse_bytes(text, &bytes);
    if (r < 0)
        return r;
    if (bytes == AMOUNT_INFINITY) {
        *ret = bytes;
        return 0;
    }
    bytes -= bytes % scale->page_bytes;
    return in_range(bytes, minimum_bytes, INT64_MAX - scale->page_bytes, ret);
}

static int parse_memory(const char *text, const LimitScale *scale, uint64_t *ret) {
    return parse_memory_from(text, scale, scale->page_bytes, ret);
}

static int parse_swap(const char *text, const LimitScale *scale, uint64_t *ret) {
    return parse_memory_from(text, scale, 0, ret);
}

static int parse_bandwidth(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t bytes_per_sec;

    (void) scale;
    int r = parse_decimal_bytes(text, &bytes_per_sec);
    return r < 0 ? r : in_range(bytes_per_sec, 1, AMOUNT_INFINITY, ret);
}

static int parse_network_rate(const char *text, const LimitScale *scale, uint64_t *ret) {
    uint64_t bytes_per_sec;

    (void) scale;
    if (strcmp(text, infinity) == 0) {
        *ret = AMOUNT_INFINITY;
        return 0;
    }
    int r = parse_bit_rate(text, &bytes_per_sec);
    return r < 0 ? r : in_range(bytes_per_sec, 1, AMOUNT_INFINITY, ret);
}

static void format_amount(uint64_t amount, char *buffer, size_t size) {
    if (amount == AMOUNT_INFINITY)
        snprintf(buffer, size, "max");
    else
        snprintf(buffer, size, "%" PRIu64, amount);
}

/* A quota too small for the usual period keeps its ratio in the long one. */
static void format_cpu_max(uint64_t amount, char *buffer, size_t size) {
    if (amount == AMOUNT_INFINITY)
        snprintf(buffer, size, "max %d", CPU_PERIOD_USEC);
    else if (amount < CPU_QUOTA_MIN_USEC)
        snprintf(buffer, size, "%" PRIu64 " %d", amount * (CPU_PERIOD_LONG_USEC / CPU_PERIOD_USEC),
                CPU_PERIOD_LONG_USEC);
    else
        snprintf(buffer, size, "%" PRIu64 " %d", amount, CPU_PERIOD_USEC);
}

/* A second number is a period; the amount is what falls into the usual one. */
int limit_amount_from_canonical(const char *text, uint64_t *ret) {
    uint64_t amount = AMOUNT_INFINITY, period = CPU_PERIOD_USEC;

    if (strncmp(text, "max", strlen("max")) == 0)
        text += strlen("max");
    else if (parse_digits(&text, &amount) < 0)
        return -EINVAL;
    if (*text == ' ' ? parse_u64(text + 1, &period) < 0 || period == 0 : *text != '\0')
        return -EINVAL;
    if (amount != AMOUNT_INFINITY)
        amount = (unsigned __int128) amount * CPU_PERIOD_USEC / period;
    *ret = amount;
    return 0;
}

static const char *show_number(uint64_t amount, char *buffer, size_t size) {
    if (amount == AMOUNT_INFINITY)
        snprintf(buffer, size, "%s", infinity);
    else
        snprintf(buffer, size, "%" PRIu64, amount);
    return buffer;
}

static const char *show_cpu_quota(uint64_t amount, char *buffer, size_t size) {
    if (amount != AMOUNT_INFINITY)
        amount /= CPU_QUOTA_USEC_PER_PERMYRIAD;
    return format_permyriad(amount, buffer, size);
}

const Limit limits[LIMITS_COUNT] = {
    [LIMIT_CPU_WEIGHT] = {
        .id = LIMIT_CPU_WEIGHT,
        .key = "CPUWeight",
        .kind = LIMIT_KIND_AMOUNT,
        .reach = LIMIT_REACH_OWN,
        .controller = "cpu",
        .file = "cpu.weight",
        .unset = "100",
        .unit = "weight",
        .help = "Share of CPU time against siblings when the CPUs are contended",
        .parse = parse_weight,
        .expects = "a number from 1 to 10000",
        .format = format_amount,
        .show = show_number,
    },
    [LIMIT_CPU_QUOTA] = {
        .id = LIMIT_CPU_QUOTA,
        .key = "CPUQuota",
        .kind = LIMIT_KIND_AMOUNT,
        .reach = LIMIT_REACH_TIGHTEST,
        .controller = "cpu",
        .file = "cpu.max",
        .unset = "max 100000",
        .witness_file = "cpu.stat",
        .witness_key = "nr_throttled",
        .unit = "of one CPU",
        .help = "The most CPU time, also when CPUs are idle",
        .parse = parse_cpu_quota,
        .expects = "a percentage of one CPU, at least 0.1%, like 50% or 250%",
        .format = format_cpu_max,
        .show = show_cpu_quota,
    },
    [LIMIT_ALLOWED_CPUS] = {
        .id = LIMIT_ALLOWED_CPUS,
        .key = "AllowedCPUs",
        .kind = LIMIT_KIND_CPUS,
        .reach = LIMIT_REACH_TIGHTEST,
        .controller = "cpuset",
        .file = "cpuset.cpus",
        .unset = "",
        .unit = "CPUs",
        .help = "The CPUs to run on",
        .expects = "a list of CPUs like 0-3,8",
    },
    [LIMIT_MEMORY_HIGH] = {
        .id = LIMIT_MEMORY_HIGH,
        .key = "MemoryHigh",
        .kind = LIMIT_KIND_AMOUNT,
        .reach = LIMIT_REACH_TIGHTEST,
        .controller = "memory",
        .file = "memory.high",
        .unset = "max",
        .witness_file = "memory.events",
        .witness_key = "high",
        .unit = "bytes",
        .help = "Memory above which allocations are slowed down and memory is reclaimed",
        .parse = parse_memory,
        .expects = "bytes like 512M, a percentage of physical memory like 25%, or infinity",
        .format = format_amount,
        .show = format_bytes,
    },
    [LIMIT_MEMORY_MAX] = {
        .id = LIMIT_MEMORY_MAX,
        .key = "MemoryMax",
        .kind = LIMIT_KIND_AMOUNT,
        .reach = LIMIT_REACH_TIGHTEST,
        .controller = "memory",
        .file = "memory.max",
        .unset = "max",
        .witness_file = "memory.events",
        .witness_key = "max",
        .unit = "bytes",
        .help = "The most memory; what cannot stay below it meets the OOM killer",
        .parse = parse_memory,
        .expects = "bytes like 512M, a percentage of physical memory like 25%, or infinity",
        .format = format_amount,
        .show = format_bytes,
    },
    [LIMIT_MEMORY_SWAP_MAX] = {
        .id = LIMIT_MEMORY_SWAP_MAX,
        .key = "MemorySwapMax",
        .kind = LIMIT_KIND_AMOUNT,
        .reach = LIMIT_REACH_TIGHTEST,
        .controller = "memory",
        .file = "memory.swap.max",
        .unset = "max",
        .witness_file = "memory.swap.events",
        .witness_key = "max",
        .unit = "bytes",
        .help = "The most swap, besides memory",
        .parse = parse_swap,
        .expects = "bytes like 512M, 0 for none, a percentage of physical memory like 25%, or infinity",
        .format = format_amount,
        .show = format_bytes,
    },
    [LIMIT_TASKS_MAX] = {
        .id = LIMIT_TASKS_MAX,
        .key = "TasksMax",
        .kind = LIMIT_KIND_AMOUNT,
        .reach = LIMIT_REACH_TIGHTEST,
        .controller = "pids",
        .file = "pids.max",
        .unset = "max",
        .witness_file = "pids.events",
        .witness_key = "max",
        .unit = "tasks",
        .help = "The most processes and threads",
        .parse = parse_tasks,
        .expects = "a number from 1 to 4194304, or infinity",
        .format = format_amount,
        .show = show_number,
    },
    [LIMIT_IO_WEIGHT] = {
        .id = LIMIT_IO_WEIGHT,
        .key = "IOWeight",
        .kind = LIMIT_KIND_AMOUNT,
        .reach = LIMIT_REACH_OWN,
        .controller = "io",
        .file = "io.weight",
        .entry = "default",
        .unset = "100",
        .unit = "weight",
        .help = "Share of disk time against siblings when a disk is contended",
        .parse = parse_weight,
        .expects = "a number from 1 to 10000",
        .format = format_amount,
        .show = show_number,
    },
    [LIMIT_IO_READ_BANDWIDTH_MAX] = {
        .id = LIMIT_IO_READ_BANDWIDTH_MAX,
        .key = "IOReadBandwidthMax",
        .kind = LIMIT_KIND_DEVICES,
        .reach = LIMIT_REACH_TIGHTEST,
        .controller = "io",
        .file = "io.max",
        .entry = "rbps",
        .unset = "max",
        .unit = "bytes per second",
        .help = "The most bytes read from a device in a second",
        .parse = parse_bandwidth,
        .expects = "a device and bytes per second like /dev/vda 10M, or infinity",
        .format = format_amount,
        .show = format_decimal_bytes,
    },
    [LIMIT_IO_WRITE_BANDWIDTH_MAX] = {
        .id = LIMIT_IO_WRITE_BANDWIDTH_MAX,
        .key = "IOWriteBandwidthMax",
        .kind = LIMIT_KIND_DEVICES,
        .reach = LIMIT_REACH_TIGHTEST,
        .controller = "io",
        .file = "io.max",
        .entry = "wbps",
        .unset = "max",
        .unit = "bytes per second",
        .help = "The most bytes written to a device in a second",
        .parse = parse_bandwidth,
        .expects = "a device and bytes per second like /dev/vda 10M, or infinity",
        .format = format_amount,
        .show = format_decimal_bytes,
    },
    [LIMIT_NETWORK_EGRESS_MAX] = {
        .id = LIMIT_NETWORK_EGRESS_MAX,
        .key = "NetworkEgressMax",
        .kind = LIMIT_KIND_AMOUNT,
        .reach = LIMIT_REACH_TIGHTEST,
        .file = "network.egress",
        .unset = "max",
        .unit = "of network",
        .help = "The most traffic sent in a second",
        .parse = parse_network_rate,
        .expects = "a rate with its unit like 50Mbit or 12MB (a second), or infinity",
        .format = format_amount,
        .show = format_bit_rate,
    },
};

static_assert(LIMIT_MEMORY_HIGH < LIMIT_MEMORY_MAX, "when limits shrink, high is written first");

const Limit *limit_by_key(const char *key) {
    FOREACH_LIMIT (limit) {
        if (strcmp(limit->key, key) == 0)
            return limit;
    }
    return NULL;
}
