/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The knobs table: every place on the node where a limit stands, which is a cgroup file, or an entry in one. A row knows
 * its file, what stands there when nothing is set, how limits are said there (canonical text, as the kernel shows it after
 * a write), and its witness: the kernel counter that moves when it bites.
 *
 * What is set, and what holds, are settings: (knob, device, canonical text). The plan compares text with text, and never
 * needs to know what a limit means.
 */

#include "model/limit.h"

typedef enum KnobId {
    KNOB_CPU_IDLE, /* before the weight: setting it resets that */
    KNOB_CPU_WEIGHT,
    KNOB_CPU_MAX_BURST,
    KNOB_CPU_MAX,
    KNOB_FREEZER_WEIGHT,
    KNOB_FREEZER_MAX,
    KNOB_FREEZER_BURST,
    KNOB_CPUSET_CPUS,
    KNOB_CPUSET_MEMS,
    KNOB_MEMORY_MIN,
    KNOB_MEMORY_LOW,
    KNOB_MEMORY_HIGH, /* before max: when limits shrink, high is written first */
    KNOB_MEMORY_MAX,
    KNOB_MEMORY_SWAP_MAX,
    KNOB_MEMORY_ZSWAP_MAX,
    KNOB_MEMORY_OOM_GROUP,
    KNOB_HUGETLB_64K,
    KNOB_HUGETLB_2M,
    KNOB_HUGETLB_32M,
    KNOB_HUGETLB_1G,
    KNOB_PIDS_MAX,
    KNOB_IO_WEIGHT,
    KNOB_IO_DEVICE_WEIGHT,
    KNOB_IO_BFQ_WEIGHT,
    KNOB_IO_BFQ_DEVICE_WEIGHT,
    KNOB_IO_MAX_RBPS,
    KNOB_IO_MAX_WBPS,
    KNOB_IO_MAX_RIOPS,
    KNOB_IO_MAX_WIOPS,
    KNOB_NETWORK_EGRESS,
    KNOBS_COUNT,
} KnobId;

/* [supervisord] Scheduler=: who shares out CPU time. */
typedef enum Scheduler {
    SCHEDULER_AUTO,       /* the cpu controller */
    SCHEDULER_CONTROLLER, /* the same, and nothing else */
    SCHEDULER_FREEZE,     /* the freezer: what it goes by stands in extended attributes of the groups' directories */
    SCHEDULERS_COUNT,
} Scheduler;

/* What shares out a disk by weights; each has a file of its own. */
typedef enum Weigher {
    WEIGHER_NONE,
    WEIGHER_IOCOST,
    WEIGHER_BFQ,
} Weigher;

typedef struct Knob {
    KnobId id;
    LimitId limit;          /* that it stands for; its kind is the knob's */
    const char *controller; /* cgroup controller; NULL: not a cgroup file (the network's) */
    const char *file;       /* cgroup file; for the network: what `plan` calls it */
    const char *
            entry; /* key within the file: "default" of io.weight, "wbps" of io.max; NULL: the file (or the device's line) is the value */
    const char *part;    /* KIND_PAGES: the name of the part that stands here */
    const char *unset;   /* canonical text when no limit is set */
    Weigher weigher;     /* only for disks that this weighs; WEIGHER_NONE: for all */
    Scheduler scheduler; /* who goes by it, where that is one only; SCHEDULER_AUTO: it is not about CPU time */
    bool optional;       /* of a mechanism that may not be loaded: where the file is not there, nothing is missing */
    const char
            *witness_file; /* flat-keyed cgroup file and key that count how often it bit; NULL: the kernel has none */
    const char *witness_key;
    /* From a number to canonical text; NULL: the number itself, or max. */
    void (*format)(uint64_t amount, char *buffer, size_t size);
    /* From all limits of a group to canonical text, for what is not simply one number. False: it is to be left as it is. */
    bool (*wanted)(const LimitValue values[LIMITS_COUNT], char *buffer, size_t size);
} Knob;

extern const Knob knobs[KNOBS_COUNT];

#define FOREACH_KNOB(knob) for (const Knob *knob = knobs; knob < knobs + KNOBS_COUNT; knob++)

static inline LimitKind knob_kind(const Knob *knob) {
    return limits[knob->limit].kind;
}

/* An extended attribute, and no file. */
static inline bool knob_is_of_freezer(const Knob *knob) {
    return knob->scheduler == SCHEDULER_FREEZE;
}
/* Whether anybody goes by it; what stands at one that does not count is to be what it is when nothing is set. */
static inline bool knob_counts(const Knob *knob, Scheduler scheduler) {
    return knob->scheduler == SCHEDULER_AUTO || knob_is_of_freezer(knob) == (scheduler == SCHEDULER_FREEZE);
}
/* The limit that asks for what is wanted there; NULL: none of its own, it is set only so that reserves of siblings hold. */
const Limit *knob_asked_by(const Knob *knob, const LimitValue values[LIMITS_COUNT]);
/* The first knob that stands for a limit alone; NULL: it only modifies another's. */
const Knob *limit_knob(const Limit *limit);
/* Of the shaper in a workload's own network, not of a cgroup. */
static inline bool limit_is_of_network(const Limit *limit) {
    const Knob *knob = limit_knob(limit);
    return knob && !knob->controller;
}
/* The page size that HugeTLBMax= names, as the kernel says it; NULL: not one that we know. */
const char *knob_page_name(uint64_t page_bytes);

enum { SETTING_TEXT_MAX = 256 }; /* a longer CPU list is refused by the parser */

/* One value at one place on the node. */
typedef struct Setting {
    KnobId knob;
    unsigned device_major, device_minor; /* KIND_DEVICES, else 0:0 */
    char text[SETTING_TEXT_MAX];         /* canonical */
} Setting;

/* What is to stand there by these limits; not for KIND_DEVICES. False: it is to be left as it is. */
bool knob_wanted(const Knob *knob, const LimitValue values[LIMITS_COUNT], char *buffer, size_t size);
/* The canonical text of a number. */
void knob_format(const Knob *knob, uint64_t amount, char *buffer, size_t size);
/* The number in a canonical text; -EINVAL. */
int knob_amount(const char *text, uint64_t *ret);

/* Canonical text of what the kernel shows in the knob's file (first line entry, "8:0 rbps=.. wbps=..", ...), for one device. -EINVAL if not understood. */
int knob_canonical(const Knob *knob, const char *file_text, unsigned device_major, unsigned device_minor,
        char *ret_text, size_t size);
/* What to write into the file so that `text` holds: "default 200", "254:16 wbps=1048576", ... */
void knob_file_text(const Setting *setting, char *buffer, size_t size);
/*
 * The tighter of two canonical texts of a limit that reaches down, a the ancestor's; returns a or b, or buffer for an
 * intersection of sets (a when they are disjoint, as the kernel does).
 */
const char *knob_tighter(const Knob *knob, const char *a, const char *b, char *buffer, size_t size);
/* People's words for a canonical text. Returns buffer. */
const char *knob_show(const Knob *knob, const char *text, char *buffer, size_t size);
/* People's words for what a limit amounts to by all of its knobs; texts by KnobId, NULL: not there. NULL: none is there. */
const char *limit_show_held(const Limit *limit, const char *const texts[KNOBS_COUNT], char *buffer, size_t size);
