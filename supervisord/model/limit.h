/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The limits table: every amount that the policy can set on a slice or workload. A row knows its key, how it is read from
 * people and shown to them, whose it can be, and how it bears on what is below. Where it stands on the node is a matter of
 * knobs (model/knob.h): one limit may be written to several, and several to one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu-set.h"

typedef enum LimitId {
    LIMIT_CPU_WEIGHT,
    LIMIT_CPU_RESERVE,
    LIMIT_CPU_QUOTA,
    LIMIT_CPU_QUOTA_PERIOD,
    LIMIT_CPU_QUOTA_BURST,
    LIMIT_ALLOWED_CPUS,
    LIMIT_ALLOWED_MEMORY_NODES,
    LIMIT_MEMORY_MIN,
    LIMIT_MEMORY_LOW,
    LIMIT_MEMORY_HIGH,
    LIMIT_MEMORY_MAX,
    LIMIT_MEMORY_SWAP_MAX,
    LIMIT_MEMORY_ZSWAP_MAX,
    LIMIT_HUGETLB_MAX,
    LIMIT_OOM_POLICY,
    LIMIT_TASKS_MAX,
    LIMIT_IO_WEIGHT,
    LIMIT_IO_DEVICE_WEIGHT,
    LIMIT_IO_READ_BANDWIDTH_MAX,
    LIMIT_IO_WRITE_BANDWIDTH_MAX,
    LIMIT_IO_READ_IOPS_MAX,
    LIMIT_IO_WRITE_IOPS_MAX,
    LIMIT_NETWORK_EGRESS_MAX,
    LIMITS_COUNT,
} LimitId;

/* What a limit's value is made of. */
typedef enum LimitKind {
    LIMIT_KIND_AMOUNT,  /* one number */
    LIMIT_KIND_SET,     /* numbers of CPUs or memory nodes */
    LIMIT_KIND_DEVICES, /* a number per block device */
    LIMIT_KIND_PAGES,   /* a number per size of huge pages */
} LimitKind;

/* How an ancestor's limit bears on its descendants. */
typedef enum LimitReach {
    LIMIT_REACH_OWN,      /* a weight: only among siblings */
    LIMIT_REACH_TIGHTEST, /* the smallest (or the intersection) on the way up is what holds */
    LIMIT_REACH_GRANTED,  /* a reserve: worth no more than the least that is granted on the way up, to the root */
} LimitReach;

/* Whose a limit can be. */
typedef enum LimitOwners {
    LIMIT_OWNERS_GROUPS, /* slices and workloads */
    LIMIT_OWNERS_GROUPS_AND_TREE,
    LIMIT_OWNERS_WORKLOADS,
} LimitOwners;

/* The amounts of OOMPolicy=. */
typedef enum OomPolicy {
    OOM_CONTINUE, /* the kernel kills one process, and that is all */
    OOM_STOP,     /* then the daemon ends the rest */
    OOM_KILL,     /* the kernel kills all of it at once */
    OOM_POLICIES_COUNT,
} OomPolicy;

enum { CPU_WEIGHT_IDLE = 0 }; /* the amount of CPUWeight=idle */

/* Facts of the host that amounts are relative to. */
typedef struct LimitScale {
    uint64_t memory_total_bytes; /* MemoryMax=50% */
    uint64_t page_bytes;         /* the kernel rounds memory limits down to pages */
    uint64_t cpus;               /* possible ones: meters count on each */
    uint64_t tasks_total;        /* TasksMax=50% */
} LimitScale;

typedef struct Limit {
    LimitId id;
    const char *key; /* policy directive, systemd's name where it has one */
    LimitKind kind;
    LimitReach reach;
    LimitOwners owners;
    const char *unit; /* for people: "weight", "of one CPU", "bytes", ... */
    const char *help; /* one sentence, ends without a full stop */
    /* From policy text to the number in kernel units: -EINVAL, -ERANGE. For KIND_DEVICES and KIND_PAGES: of the part after the name. */
    int (*parse)(const char *text, const LimitScale *scale, uint64_t *ret);
    const char *expects; /* for the error message: "a number from 1 to 10000" */
    /* From the number to people's words. */
    const char *(*show)(uint64_t amount, char *buffer, size_t size);
} Limit;

enum {
    CPU_QUOTA_PER_CPU = 100 * 1000
}; /* the amounts of LIMIT_CPU_QUOTA and LIMIT_CPU_RESERVE are microseconds of 100 ms */

extern const Limit limits[LIMITS_COUNT];

#define FOREACH_LIMIT(limit) for (const Limit *limit = limits; limit < limits + LIMITS_COUNT; limit++)

const Limit *limit_by_key(const char *key); /* NULL if none */

/* Stands in place of a block device for every whole disk that is one. */
#define LIMIT_ANY_DEVICE "any"

typedef struct LimitPart {
    char *name; /* KIND_DEVICES: as in the policy, a block device, a partition, a file or directory on a file system, or
                   "any"; KIND_PAGES: as the kernel says it, "2MB" */
    uint64_t amount;
} LimitPart;

/* A limit as the policy has it. Zeroed = not set. */
typedef struct LimitValue {
    bool is_set;
    uint64_t amount; /* KIND_AMOUNT */
    uint64_t below;  /* REACH_GRANTED: what those in it ask for together; granted when nothing is set */
    uint64_t
            weight; /* LIMIT_CPU_RESERVE: cpu.weight by which its own and those of its siblings hold; 0: none has one */
    CpuSet *set;    /* KIND_SET; owned */
    LimitPart *parts; /* KIND_DEVICES, KIND_PAGES; owned */
    size_t n_parts;
} LimitValue;

/* REACH_GRANTED: what it comes to. */
static inline uint64_t limit_value_granted(const LimitValue *value) {
    return value->is_set ? value->amount : value->below;
}

void limit_value_done(LimitValue *value);
/* Parses one assignment into *value. "" resets; a limit in parts adds one (the same name again replaces it). -EINVAL, -ERANGE, -ENOMEM. */
int limit_value_parse(const Limit *limit, const char *text, const LimitScale *scale, LimitValue *value);
/* For people: "300", "50%", "/dev/vdb 10M, /dev/vdc 1M", "not set". Returns buffer, cut if need be. */
const char *limit_value_show(const Limit *limit, const LimitValue *value, char *buffer, size_t size);
