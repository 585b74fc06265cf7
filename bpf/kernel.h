/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The few kernel types that our programs read, relocated against the running kernel's BTF at load (CO-RE): only names
 * matter here, not order or completeness. A field that a kernel lacks fails the load of the program that needs it,
 * unless it is asked for with bpf_core_field_exists() first.
 */

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    int counter;
} atomic_t;

typedef struct {
    __s64 counter;
} atomic64_t;

struct kernfs_node {
    __u64 id;
};

struct cgroup_root {
    int hierarchy_id;
};

struct cgroup_subsys_state {
    struct cgroup *cgroup;
};

struct task_cputime {
    __u64 stime;
    __u64 utime;
    unsigned long long sum_exec_runtime;
};

struct cgroup_base_stat {
    struct task_cputime cputime;
};

struct psi_group {
    bool enabled; /* since 6.1 */
    __u64 total[12];
};

struct cgroup {
    struct cgroup_subsys_state self;
    int level;
    struct kernfs_node *kn;
    struct cgroup_subsys_state *subsys[16];
    struct cgroup_base_stat bstat;
    struct psi_group *psi;
    struct cgroup *ancestors[1]; /* since 6.1; by level, itself last */
};

struct css_set {
    struct cgroup *dfl_cgrp;
};

struct rq {
    __u64 clock;
};

struct cfs_rq {
    struct rq *rq;
};

struct sched_entity {
    struct cfs_rq *cfs_rq;
};

struct sched_info {
    unsigned long long last_queued;
};

struct signal_struct {
    atomic_t live;
    int group_exit_code;
    unsigned int flags;
    struct mm_struct *oom_mm;
};

struct task_struct {
    unsigned int __state;
    struct sched_entity se;
    struct sched_info sched_info;
    int exit_code;
    int tgid;
    struct task_struct *group_leader;
    __u64 start_boottime;
    struct signal_struct *signal;
    struct css_set *cgroups;
};

struct cfs_bandwidth {
    int nr_periods;
    int nr_throttled;
    __u64 throttled_time;
};

struct task_group {
    struct cfs_bandwidth cfs_bandwidth;
};

struct page_counter {
    atomic64_t usage;
    unsigned long watermark;
};

struct mem_cgroup {
    struct page_counter memory;
    struct page_counter swap;
    atomic64_t memory_events[9];
};

struct pids_cgroup {
    atomic64_t counter;
    __s64 watermark; /* since 6.11 */
};

struct gendisk {
    int major;
    int first_minor;
};

struct request_queue {
    struct gendisk *disk;
};

struct blkcg {
    struct cgroup_subsys_state css;
};

struct blkcg_gq {
    struct blkcg *blkcg;
};

struct bio {
    struct blkcg_gq *bi_blkg;
};

struct request {
    struct request_queue *q;
    unsigned int cmd_flags;
    unsigned int __data_len;
    struct bio *bio;
    __u64 start_time_ns;
};

struct bpf_iter_meta {
    struct seq_file *seq;
    __u64 seq_num;
};

struct bpf_iter__cgroup {
    struct bpf_iter_meta *meta;
    struct cgroup *cgroup;
};

#pragma clang attribute pop

enum psi_states {
    PSI_IO_SOME,
    PSI_IO_FULL,
    PSI_MEM_SOME,
    PSI_MEM_FULL,
    PSI_CPU_SOME,
    PSI_CPU_FULL,
};

enum memcg_memory_event {
    MEMCG_LOW,
    MEMCG_HIGH,
    MEMCG_MAX,
    MEMCG_OOM,
    MEMCG_OOM_KILL,
};

enum node_stat_item {
    NR_ANON_MAPPED,
    NR_FILE_PAGES,
};

enum cgroup_subsys_id {
    cpu_cgrp_id,
    memory_cgrp_id,
    pids_cgrp_id,
};

enum {
    TASK_DEAD = 0x80,      /* of task_struct.__state */
    SIGNAL_GROUP_EXIT = 4, /* of signal_struct.flags */
    REQ_OP_MASK = 255,
    REQ_OP_DISCARD = 3,
    MINOR_BITS = 20,
};
