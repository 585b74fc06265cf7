/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The knobs table, and what the rows say that is not simply one number. */

#include "model/knob.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "model/limit-amount.h"

enum {
    WEIGHT_DEFAULT = 100,
    WEIGHT_MAX = 10000,
    BFQ_WEIGHT_MAX = 1000,
};

static bool is_idle(const LimitValue values[LIMITS_COUNT]) {
    return values[LIMIT_CPU_WEIGHT].is_set && values[LIMIT_CPU_WEIGHT].amount == CPU_WEIGHT_IDLE;
}

static bool wanted_cpu_idle(const LimitValue values[LIMITS_COUNT], char *buffer, size_t size) {
    snprintf(buffer, size, "%d", is_idle(values));
    return true;
}

/* An idle group has no weight, and the kernel refuses one. */
static bool wanted_cpu_weight(const LimitValue values[LIMITS_COUNT], char *buffer, size_t size) {
    const LimitValue *weight = &values[LIMIT_CPU_WEIGHT];
    uint64_t asked = weight->is_set ? weight->amount : WEIGHT_DEFAULT, found = values[LIMIT_CPU_RESERVE].weight;

    snprintf(buffer, size, "%" PRIu64, found > 0 ? found : asked);
    return !is_idle(values);
}

/* It knows idle ones, too, as those of no weight. */
static bool wanted_freezer_weight(const LimitValue values[LIMITS_COUNT], char *buffer, size_t size) {
    if (wanted_cpu_weight(values, buffer, size))
        return true;
    snprintf(buffer, size, "%d", CPU_WEIGHT_IDLE);
    return true;
}

/* A quota too small for its period keeps its ratio in the longest one. */
static bool wanted_cpu_max(const LimitValue values[LIMITS_COUNT], char *buffer, size_t size) {
    const LimitValue *quota = &values[LIMIT_CPU_QUOTA], *wish = &values[LIMIT_CPU_QUOTA_PERIOD];
    uint64_t period = wish->is_set ? wish->amount : CPU_PERIOD_USEC;

    if (!quota->is_set) {
        snprintf(buffer, size, "max %" PRIu64, period);
        return true;
    }
    if (quota->amount * period / CPU_PERIOD_USEC < CPU_QUOTA_MIN_USEC)
        period = CPU_PERIOD_LONG_USEC;
    snprintf(buffer, size, "%" PRIu64 " %" PRIu64, quota->amount * period / CPU_PERIOD_USEC, period);
    return true;
}

static bool wanted_oom_group(const LimitValue values[LIMITS_COUNT], char *buffer, size_t size) {
    const LimitValue *policy = &values[LIMIT_OOM_POLICY];

    snprintf(buffer, size, "%d", policy->is_set && policy->amount == OOM_KILL);
    return true;
}

/* BFQ's weights end at 1000: as systemd does, those above the default are squeezed. */
static void format_bfq_weight(uint64_t amount, char *buffer, size_t size) {
    if (amount > WEIGHT_DEFAULT)
        amount = WEIGHT_DEFAULT +
                 (amount - WEIGHT_DEFAULT) * (BFQ_WEIGHT_MAX - WEIGHT_DEFAULT) / (WEIGHT_MAX - WEIGHT_DEFAULT);
    snprintf(buffer, size, "%" PRIu64, amount);
}

const Knob knobs[KNOBS_COUNT] = {
    [KNOB_CPU_IDLE] = {
        .id = KNOB_CPU_IDLE,
        .limit = LIMIT_CPU_WEIGHT,
        .controller = "cpu",
        .scheduler = SCHEDULER_CONTROLLER,
        .file = "cpu.idle",
        .unset = "0",
        .wanted = wanted_cpu_idle,
    },
    [KNOB_CPU_WEIGHT] = {
        .id = KNOB_CPU_WEIGHT,
        .limit = LIMIT_CPU_WEIGHT,
        .controller = "cpu",
        .scheduler = SCHEDULER_CONTROLLER,
        .file = "cpu.weight",
        .unset = "100",
        .wanted = wanted_cpu_weight,
    },
    [KNOB_CPU_MAX_BURST] = {
        .id = KNOB_CPU_MAX_BURST,
        .limit = LIMIT_CPU_QUOTA_BURST,
        .controller = "cpu",
        .scheduler = SCHEDULER_CONTROLLER,
        .file = "cpu.max.burst",
        .unset = "0",
        .witness_file = "cpu.stat",
        .witness_key = "nr_bursts",
    },
    [KNOB_CPU_MAX] = {
        .id = KNOB_CPU_MAX,
        .limit = LIMIT_CPU_QUOTA,
        .controller = "cpu",
        .scheduler = SCHEDULER_CONTROLLER,
        .file = "cpu.max",
        .unset = "max 100000",
        .witness_file = "cpu.stat",
        .witness_key = "nr_throttled",
        .wanted = wanted_cpu_max,
    },
    [KNOB_FREEZER_WEIGHT] = {
        .id = KNOB_FREEZER_WEIGHT,
        .limit = LIMIT_CPU_WEIGHT,
        .scheduler = SCHEDULER_FREEZE,
        .file = "freezer.weight",
        .unset = "100",
        .optional = true,
        .wanted = wanted_freezer_weight,
    },
    [KNOB_FREEZER_MAX] = {
        .id = KNOB_FREEZER_MAX,
        .limit = LIMIT_CPU_QUOTA,
        .scheduler = SCHEDULER_FREEZE,
        .file = "freezer.max",
        .unset = "max 100000",
        .optional = true,
        .wanted = wanted_cpu_max,
    },
    [KNOB_FREEZER_BURST] = {
        .id = KNOB_FREEZER_BURST,
        .limit = LIMIT_CPU_QUOTA_BURST,
        .scheduler = SCHEDULER_FREEZE,
        .file = "freezer.burst",
        .unset = "0",
        .optional = true,
    },
    [KNOB_CPUSET_CPUS] = {
        .id = KNOB_CPUSET_CPUS,
        .limit = LIMIT_ALLOWED_CPUS,
        .controller = "cpuset",
        .file = "cpuset.cpus",
        .unset = "",
    },
    [KNOB_CPUSET_MEMS] = {
        .id = KNOB_CPUSET_MEMS,
        .limit = LIMIT_ALLOWED_MEMORY_NODES,
        .controller = "cpuset",
        .file = "cpuset.mems",
        .unset = "",
    },
    [KNOB_MEMORY_MIN] = {
        .id = KNOB_MEMORY_MIN,
        .limit = LIMIT_MEMORY_MIN,
        .controller = "memory",
        .file = "memory.min",
        .unset = "0",
    },
    [KNOB_MEMORY_LOW] = {
        .id = KNOB_MEMORY_LOW,
        .limit = LIMIT_MEMORY_LOW,
        .controller = "memory",
        .file = "memory.low",
        .unset = "0",
        .witness_file = "memory.events",
        .witness_key = "low",
    },
    [KNOB_MEMORY_HIGH] = {
        .id = KNOB_MEMORY_HIGH,
        .limit = LIMIT_MEMORY_HIGH,
        .controller = "memory",
        .file = "memory.high",
        .unset = "max",
        .witness_file = "memory.events",
        .witness_key = "high",
    },
    [KNOB_MEMORY_MAX] = {
        .id = KNOB_MEMORY_MAX,
        .limit = LIMIT_MEMORY_MAX,
        .controller = "memory",
        .file = "memory.max",
        .unset = "max",
        .witness_file = "memory.events",
        .witness_key = "max",
    },
    [KNOB_MEMORY_SWAP_MAX] = {
        .id = KNOB_MEMORY_SWAP_MAX,
        .limit = LIMIT_MEMORY_SWAP_MAX,
        .controller = "memory",
        .file = "memory.swap.max",
        .unset = "max",
        .witness_file = "memory.swap.events",
        .witness_key = "max",
    },
    [KNOB_MEMORY_ZSWAP_MAX] = {
        .id = KNOB_MEMORY_ZSWAP_MAX,
        .limit = LIMIT_MEMORY_ZSWAP_MAX,
        .controller = "memory",
        .file = "memory.zswap.max",
        .unset = "max",
    },
    [KNOB_MEMORY_OOM_GROUP] = {
        .id = KNOB_MEMORY_OOM_GROUP,
        .limit = LIMIT_OOM_POLICY,
        .controller = "memory",
        .file = "memory.oom.group",
        .unset = "0",
        .witness_file = "memory.events",
        .witness_key = "oom_kill",
        .wanted = wanted_oom_group,
    },
    [KNOB_HUGETLB_64K] = {
        .id = KNOB_HUGETLB_64K,
        .limit = LIMIT_HUGETLB_MAX,
        .controller = "hugetlb",
        .file = "hugetlb.64KB.max",
        .part = "64KB",
        .unset = "max",
        .witness_file = "hugetlb.64KB.events",
        .witness_key = "max",
    },
    [KNOB_HUGETLB_2M] = {
        .id = KNOB_HUGETLB_2M,
        .limit = LIMIT_HUGETLB_MAX,
        .controller = "hugetlb",
        .file = "hugetlb.2MB.max",
        .part = "2MB",
        .unset = "max",
        .witness_file = "hugetlb.2MB.events",
        .witness_key = "max",
    },
    [KNOB_HUGETLB_32M] = {
        .id = KNOB_HUGETLB_32M,
        .limit = LIMIT_HUGETLB_MAX,
        .controller = "hugetlb",
        .file = "hugetlb.32MB.max",
        .part = "32MB",
        .unset = "max",
        .witness_file = "hugetlb.32MB.events",
        .witness_key = "max",
    },
    [KNOB_HUGETLB_1G] = {
        .id = KNOB_HUGETLB_1G,
        .limit = LIMIT_HUGETLB_MAX,
        .controller = "hugetlb",
        .file = "hugetlb.1GB.max",
        .part = "1GB",
        .unset = "max",
        .witness_file = "hugetlb.1GB.events",
        .witness_key = "max",
    },
    [KNOB_PIDS_MAX] = {
        .id = KNOB_PIDS_MAX,
        .limit = LIMIT_TASKS_MAX,
        .controller = "pids",
        .file = "pids.max",
        .unset = "max",
        .witness_file = "pids.events",
        .witness_key = "max",
    },
    [KNOB_IO_WEIGHT] = {
        .id = KNOB_IO_WEIGHT,
        .limit = LIMIT_IO_WEIGHT,
        .controller = "io",
        .file = "io.weight",
        .entry = "default",
        .unset = "100",
    },
    [KNOB_IO_DEVICE_WEIGHT] = {
        .id = KNOB_IO_DEVICE_WEIGHT,
        .limit = LIMIT_IO_DEVICE_WEIGHT,
        .controller = "io",
        .file = "io.weight",
        .unset = "default",
        .weigher = WEIGHER_IOCOST,
    },
    [KNOB_IO_BFQ_WEIGHT] = {
        .id = KNOB_IO_BFQ_WEIGHT,
        .limit = LIMIT_IO_WEIGHT,
        .controller = "io",
        .file = "io.bfq.weight",
        .entry = "default",
        .unset = "100",
        .optional = true,
        .format = format_bfq_weight,
    },
    [KNOB_IO_BFQ_DEVICE_WEIGHT] = {
        .id = KNOB_IO_BFQ_DEVICE_WEIGHT,
        .limit = LIMIT_IO_DEVICE_WEIGHT,
        .controller = "io",
        .file = "io.bfq.weight",
        .unset = "default",
        .weigher = WEIGHER_BFQ,
        .optional = true,
        .format = format_bfq_weight,
    },
    [KNOB_IO_MAX_RBPS] = {
        .id = KNOB_IO_MAX_RBPS,
        .limit = LIMIT_IO_READ_BANDWIDTH_MAX,
        .controller = "io",
        .file = "io.max",
        .entry = "rbps",
        .unset = "max",
    },
    [KNOB_IO_MAX_WBPS] = {
        .id = KNOB_IO_MAX_WBPS,
        .limit = LIMIT_IO_WRITE_BANDWIDTH_MAX,
        .controller = "io",
        .file = "io.max",
        .entry = "wbps",
        .unset = "max",
    },
    [KNOB_IO_MAX_RIOPS] = {
        .id = KNOB_IO_MAX_RIOPS,
        .limit = LIMIT_IO_READ_IOPS_MAX,
        .controller = "io",
        .file = "io.max",
        .entry = "riops",
        .unset = "max",
    },
    [KNOB_IO_MAX_WIOPS] = {
        .id = KNOB_IO_MAX_WIOPS,
        .limit = LIMIT_IO_WRITE_IOPS_MAX,
        .controller = "io",
        .file = "io.max",
        .entry = "wiops",
        .unset = "max",
    },
    [KNOB_NETWORK_EGRESS] = {
        .id = KNOB_NETWORK_EGRESS,
        .limit = LIMIT_NETWORK_EGRESS_MAX,
        .file = "network.egress",
        .unset = "max",
    },
};

static_assert(KNOB_MEMORY_HIGH < KNOB_MEMORY_MAX, "when limits shrink, high is written first");
static_assert(KNOB_CPU_IDLE < KNOB_CPU_WEIGHT, "a weight is taken only by what is not idle");

const Limit *knob_asked_by(const Knob *knob, const LimitValue values[LIMITS_COUNT]) {
    if (knob->id != KNOB_CPU_WEIGHT || values[LIMIT_CPU_RESERVE].weight == 0)
        return &limits[knob->limit];
    if (limit_value_granted(&values[LIMIT_CPU_RESERVE]) > 0)
        return &limits[LIMIT_CPU_RESERVE];
    return values[LIMIT_CPU_WEIGHT].is_set ? &limits[LIMIT_CPU_WEIGHT] : NULL;
}

const Knob *limit_knob(const Limit *limit) {
    FOREACH_KNOB (knob) {
        if (knob->limit == limit->id && knob->id != KNOB_CPU_IDLE) /* which only says whether the weight counts */
            return knob;
    }
    return NULL;
}

const char *knob_page_name(uint64_t page_bytes) {
    char name[AMOUNT_TEXT_MAX];

    if (page_bytes == 0 || page_bytes & (page_bytes - 1))
        return NULL;
    if (page_bytes >> 30)
        snprintf(name, sizeof(name), "%" PRIu64 "GB", page_bytes >> 30);
    else if (page_bytes >> 20)
        snprintf(name, sizeof(name), "%" PRIu64 "MB", page_bytes >> 20);
    else
        snprintf(name, sizeof(name), "%" PRIu64 "KB", page_bytes >> 10);
    FOREACH_KNOB (knob) {
        if (knob->part && strcmp(knob->part, name) == 0)
            return knob->part;
    }
    return NULL;
}
