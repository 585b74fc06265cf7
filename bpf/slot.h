/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What our BPF programs and the daemon share: the layout of every map. Maps are pinned and outlive the daemon, so a
 * change here that moves or re-means a field needs a new ABI_VERSION. A daemon with a newer one carries over what maps of
 * the older one hold, member by member, by name (kernel/program-carry.c): what means another thing gets another name.
 *
 * A slot is a small number that stands for one workload or slice, so that the hot programs index an array instead of
 * hashing. Cgroups are bound to slots: the OWNER directory of a workload, and each LEAF in which its processes run.
 */

#include <linux/types.h>

enum {
    MAP_TYPE_CGRP_STORAGE = 32, /* since 6.2; not yet in Debian 12's linux/bpf.h */
};

#ifndef NEXT_LAYOUT
#define NEXT_LAYOUT 0 /* 1: the build that tests have for a newer one */
#endif

enum {
    ABI_VERSION = 1 + NEXT_LAYOUT,
    SLOT_OTHER = 0,         /* all that found no slot of its own */
    HISTOGRAM_BUCKETS = 24, /* powers of two from HISTOGRAM_UNIT_NSEC: up to 4.3 s, and what is longer */
    HISTOGRAM_UNIT_NSEC = 1024,
    CGROUPS_PER_SLOT = 4, /* owner, leaf, and leaves for exec and probes */
    BLOCK_DEVICES_MAX = 64,
    BLOCK_ROWS_PER_SLOT = 4,
    EXITS_MAX = 4096,
    NESTING_MAX = 8, /* levels of cgroups that a workload may make below its leaf and still be counted */
    INVOCATION_SIZE = 16,
    NSEC_PER_CLOCK_TICK = 10000000, /* USER_HZ is 100: the unit of starttime in /proc/PID/stat */
};

#define SLOT_NONE (~0U)
#define COUNTER_ABSENT (~0ULL) /* this kernel or cgroup does not count it */

/*
 * Written once, when the maps are made; tree_* by the iterator, which alone knows the tree's level. In every layout the
 * version is the first member, and 0 says that what an older layout holds has not been carried over to the end.
 */
struct abi {
    __u32 version;
    __u32 slot_size;
    __u32 cgroup_counters_size;
    __u32 block_counts_size;
    __u32 exit_record_size;
    __u32 tree_level;
    __u64 tree_id;
    __u64 build; /* a hash of all programs and their knobs: the same again need not be loaded again */
};

/* How a program is to go about it on this kernel; constant once loaded, so the verifier drops the other way. */
struct knobs {
    __u8 cgroup_storage; /* slots in CGRP_STORAGE (since 6.2), else only in the hash of cgroup ids */
    __u8 block_by_bio;   /* io is on cgroup v2: a request's bio knows whom to charge */
    __u8 flush;          /* enum flush */
    __u8 memory_kfuncs;  /* memory statistics can be asked for (since 7.0) */
    __u32 page_bytes;
};

/* How CPU time that CPUs have counted is brought up into the cgroups. */
enum flush {
    FLUSH_NONE,   /* it lags */
    FLUSH_CGROUP, /* cgroup_rstat_flush, 6.1 to 6.15 */
    FLUSH_CSS,    /* css_rstat_flush */
};

typedef enum SlotRole {
    SLOT_ROLE_OWNER = 1, /* the directory with the limits; its hierarchical counters are read */
    SLOT_ROLE_LEAF = 2,  /* the processes of one start */
} SlotRole;

struct cgroup_slot {
    __u32 slot;
    __u32 role;
};

/*
 * What only our own programs count, per CPU. Bucket 0 counts times below 1024 nsec, bucket i below 1024 << i, the last
 * one all that is longer. The wait of a task is counted when it gets its CPU; what it waited on a queue that the load
 * balancer then took it from is not seen.
 */
struct slot {
#if NEXT_LAYOUT
    __u64 only_next;
#endif
    __u64 wait_nsec;
    __u64 waits;
    __u64 wait_histogram[HISTOGRAM_BUCKETS];
    __u64 block_histogram[HISTOGRAM_BUCKETS];
    __u64 receive_bytes; /* IP level, as on the wire: with the headers that GSO adds later */
    __u64 receive_packets;
    __u64 transmit_bytes;
    __u64 transmit_packets;
};

_Static_assert(sizeof(struct slot) <= 512, "a slot takes at most 512 bytes per possible CPU");

/* What the kernel counts of an OWNER cgroup and all below it, copied in one iterator pass. */
struct cgroup_counters {
    __u64 read_nsec; /* CLOCK_MONOTONIC of the pass */
    __u64 cpu_usage_nsec;
    __u64 cpu_user_nsec; /* user and system are scaled to sum up to usage, as cpu.stat does */
    __u64 cpu_system_nsec;
    __u64 cpu_periods;
    __u64 cpu_throttled_periods;
    __u64 cpu_throttled_nsec;
    __u64 cpu_pressure_some_nsec; /* pressures: the kernel sums them every 2 s */
    __u64 cpu_pressure_full_nsec;
    __u64 memory_pressure_some_nsec;
    __u64 memory_pressure_full_nsec;
    __u64 io_pressure_some_nsec;
    __u64 io_pressure_full_nsec;
    __u64 memory_usage_bytes;
    __u64 memory_peak_bytes;
    __u64 memory_swap_bytes;
    __u64 memory_anon_bytes;
    __u64 memory_file_bytes;
    __u64 memory_low_events;
    __u64 memory_high_events;
    __u64 memory_max_events;
    __u64 memory_ooms;
    __u64 memory_oom_kills;
    __u64 tasks;
    __u64 tasks_peak;
};

/*
 * What became of the CPU time that a group was entitled to, over all windows so far, and what its counters said at the end
 * of the last one.
 */
struct account_counts {
    __u64 until_usec; /* CLOCK_MONOTONIC: the end of the last window; 0: there was none, and the counters began at 0 */
    __u64 cpu_usage_nsec;
    __u64 wait_nsec;
    __u64 cpu_throttled_nsec;
    __u64 cpu_periods;
    __u64 cpu_throttled_periods;
    __u64 entitled_nsec;
    __u64 lent_nsec;
    __u64 borrowed_nsec;
    __u64 denied_nsec;
};

/* Only the daemon writes it, the copy that does not count first: whenever it dies, the one that counts is whole. */
struct account {
    __u64 generation; /* the copy that counts is this modulo 2; 0: nobody has begun the account */
    struct account_counts copies[2];
};

enum {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_DISCARD,
    BLOCK_DIRECTIONS,
};

struct block_io {
    __u64 bytes;
    __u64 operations;
    __u64 nsec; /* from the request's allocation to its completion, summed */
};

struct block_counts {
    struct block_io io[BLOCK_DIRECTIONS];
};

/* Rows of removed children, added up by the daemon, have BLOCK_FOLDED set, so that no program writes them. */
#define BLOCK_FOLDED (1U << 31)

struct block_key {
    __u32 slot;
    __u32 device; /* the kernel's dev_t: major << 20 | minor */
};

struct exit_watch {
    __u8 invocation[INVOCATION_SIZE];
    __u64 start_ticks; /* tells a reused process id: field 22 of /proc/PID/stat */
};

struct exit_key {
    __u8 invocation[INVOCATION_SIZE];
};

struct exit_record {
    __s32 status; /* as waitpid() gives it */
    __u32 pid;
    __u64 start_ticks;
    __u64 exit_nsec; /* CLOCK_MONOTONIC */
    __u32 oom_killed;
    __u32 pad;
};
