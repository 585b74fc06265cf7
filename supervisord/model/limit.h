/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The limits table: every amount that can be set on a slice or workload. A row knows its policy key, where the kernel
 * keeps it, how it is read from people and written for the kernel (canonical form), what stands there when nothing is
 * set, and its witness: the kernel counter that moves when the limit bites.
 *
 * A limit that is set becomes settings: (limit, device, canonical text). Policy and node are compared as settings, so
 * the plan never needs to know what a limit means. To add a limit: one LimitId, one row, one golden line.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu-set.h"

typedef enum LimitId {
    LIMIT_CPU_WEIGHT,
    LIMIT_CPU_QUOTA,
    LIMIT_ALLOWED_CPUS,
    LIMIT_MEMORY_HIGH, /* stands before max: when limits shrink, high is written first */
    LIMIT_MEMORY_MAX,
    LIMIT_MEMORY_SWAP_MAX,
    LIMIT_TASKS_MAX,
    LIMIT_IO_WEIGHT,
    LIMIT_IO_READ_BANDWIDTH_MAX,
    LIMIT_IO_WRITE_BANDWIDTH_MAX,
    LIMIT_NETWORK_EGRESS_MAX,
    LIMITS_COUNT,
} LimitId;

/* What a limit's value is made of. */
typedef enum LimitKind {
    LIMIT_KIND_AMOUNT,  /* one number */
    LIMIT_KIND_CPUS,    /* a CPU set */
    LIMIT_KIND_DEVICES, /* a number per block device */
} LimitKind;

/* How an ancestor's limit bears on its descendants. */
typedef enum LimitReach {
    LIMIT_REACH_OWN,      /* a weight: only among siblings */
    LIMIT_REACH_TIGHTEST, /* the smallest (or the intersection) on the way up is what holds */
} LimitReach;

/* Facts of the host that amounts are relative to. */
typedef struct LimitScale {
    uint64_t memory_total_bytes; /* MemoryMax=50% */
    uint64_t page_bytes;         /* the kernel rounds memory limits down to pages */
    uint64_t cpus;               /* possible ones: meters count on each */
} LimitScale;

typedef struct Limit {
    LimitId id;
    const char *key; /* policy directive, systemd's name where it has one */
    LimitKind kind;
    LimitReach reach;
    const char *controller; /* cgroup controller; NULL: not a cgroup file (the network's) */
    const char *file;       /* cgroup file; for the network: what `plan` calls it */
    const char *entry; /* key within the file: "default" of io.weight, "wbps" of io.max; NULL: the file is the value */
    const char *unset; /* canonical text when no limit is set */
    const char
            *witness_file; /* flat-keyed cgroup file and key that count how often it bit; NULL: the kernel has none */
    const char *witness_key;
    const char *unit; /* for people: "weight", "of one CPU", "bytes", ... */
    const char *help; /* one sentence, ends without a full stop */
    /* From policy text to the number in kernel units: -EINVAL, -ERANGE. For KIND_DEVICES: of the part after the device. */
    int (*parse)(const char *text, const LimitScale *scale, uint64_t *ret);
    const char *expects; /* for the error message: "a number from 1 to 10000" */
    /* From the number to canonical kernel text. */
    void (*format)(uint64_t amount, char *buffer, size_t size);
    /* From the number to people's words. */
    const char *(*show)(uint64_t amount, char *buffer, size_t size);
} Limit;

extern const Limit limits[LIMITS_COUNT];

#define FOREACH_LIMIT(limit) for (const Limit *limit = limits; limit < limits + LIMITS_COUNT; limit++)

const Limit *limit_by_key(const char *key); /* NULL if none */
/* The reverse of format, for any row; -EINVAL. */
int limit_amount_from_canonical(const char *text, uint64_t *ret);

typedef struct DeviceAmount {
    char *path; /* as in the policy: a block device, a partition, or a file or directory on a file system */
    uint64_t amount;
} DeviceAmount;

/* A limit as the policy has it. Zeroed = not set. */
typedef struct LimitValue {
    bool is_set;
    uint64_t amount;       /* KIND_AMOUNT */
    CpuSet *cpus;          /* KIND_CPUS; owned */
    DeviceAmount *devices; /* KIND_DEVICES; owned */
    size_t n_devices;
} LimitValue;

void limit_value_done(LimitValue *value);
/* Parses one assignment into *value. "" resets; a device limit adds a row (the same device again replaces it). -EINVAL, -ERANGE, -ENOMEM. */
int limit_value_parse(const Limit *limit, const char *text, const LimitScale *scale, LimitValue *value);
/* For people: "300", "50%", "/dev/vdb 10M, /dev/vdc 1M", "not set". Returns buffer, cut if need be. */
const char *limit_value_show(const Limit *limit, const LimitValue *value, char *buffer, size_t size);

enum { SETTING_TEXT_MAX = 256 }; /* a longer CPU list is refused by the parser */

/* One value at one place on the node. */
typedef struct Setting {
    LimitId limit;
    unsigned device_major, device_minor; /* KIND_DEVICES, else 0:0 */
    char text[SETTING_TEXT_MAX];         /* canonical */
} Setting;

/* Canonical text of what the kernel shows in the limit's file (first line entry, "8:0 rbps=.. wbps=..", ...), for one device. -EINVAL if not understood. */
int limit_canonical(const Limit *limit, const char *file_text, unsigned device_major, unsigned device_minor,
        char *ret_text, size_t size);
/* What to write into the file so that `text` holds: "default 200", "254:16 wbps=1048576", ... */
void limit_file_text(const Limit *limit, const Setting *setting, char *buffer, size_t size);
/*
 * The tighter of two canonical texts of a REACH_TIGHTEST limit, a the ancestor's; returns a or b, or buffer for an
 * intersection of CPU sets (a when they are disjoint, as the kernel does).
 */
const char *limit_tighter(const Limit *limit, const char *a, const char *b, char *buffer, size_t size);
/* People's words for a canonical text. Returns buffer. */
const char *limit_show_canonical(const Limit *limit, const char *text, char *buffer, size_t size);
