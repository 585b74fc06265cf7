// SPDX-License-Identifier: GPL-2.0-or-later

/*
 * One pass over the tree that copies what the kernel already counts of each OWNER cgroup to where the daemon reads it
 * without a system call. The pass begins at the tree itself, where flushing once flushes all that is below.
 */

#include "lookup.h"

/* Weak, so that either may be missing; but whether one is there must be asked by the daemon (before 6.4, a program cannot). */
extern void css_rstat_flush(struct cgroup_subsys_state *css) __ksym __weak;
extern void cgroup_rstat_flush(struct cgroup *cgroup) __ksym __weak;

/* Since 7.0. */
extern struct mem_cgroup *bpf_get_mem_cgroup(struct cgroup_subsys_state *css) __ksym __weak;
extern void bpf_put_mem_cgroup(struct mem_cgroup *memory) __ksym __weak;
extern void bpf_mem_cgroup_flush_stats(struct mem_cgroup *memory) __ksym __weak;
extern unsigned long bpf_mem_cgroup_page_state(struct mem_cgroup *memory, int item) __ksym __weak;

#define SUBSYS(cgroup, name)                                                              \
    (bpf_core_enum_value_exists(enum cgroup_subsys_id, name)                              \
                    ? subsys_of(cgroup, bpf_core_enum_value(enum cgroup_subsys_id, name)) \
                    : NULL)

static __always_inline void *subsys_of(struct cgroup *cgroup, int id) {
    const char *subsys = (const char *) &cgroup->subsys;
    void *css = NULL;

    bpf_probe_read_kernel(&css, sizeof(css), subsys + id * sizeof(css));
    return css;
}

static __always_inline void enter_tree(struct cgroup *cgroup) {
    __u32 zero = 0;
    struct abi *a = bpf_map_lookup_elem(&abi, &zero);

    if (a) {
        a->tree_level = cgroup->level;
        a->tree_id = cgroup->kn->id;
    }
    if (knobs.flush == FLUSH_CSS)
        css_rstat_flush(&cgroup->self);
    else if (knobs.flush == FLUSH_CGROUP)
        cgroup_rstat_flush(cgroup);
}

/* value * part / whole with part <= whole, without 128 bits: right to about 2^-31 of the value. */
static __always_inline __u64 scale(__u64 value, __u64 part, __u64 whole) {
    __u64 fraction;

    for (int i = 0; i < 32 && whole >> 32; i++) {
        whole >>= 1;
        part >>= 1;
    }
    if (!whole)
        return value;
    fraction = (part << 32) / whole;
    if (fraction >> 32)
        return value;
    return (value >> 32) * fraction + ((value & 0xffffffff) * fraction >> 32);
}

/*
 * User and system time are sampled by ticks, usage is exact: share out usage in their ratio, and never let either go
 * back, as cputime_adjust() does in the kernel. What an earlier pass left in `to` is the floor.
 */
static __always_inline void copy_cpu(struct cgroup_counters *to, struct cgroup *cgroup) {
    __u64 usage = cgroup->bstat.cputime.sum_exec_runtime;
    __u64 user = cgroup->bstat.cputime.utime, system = cgroup->bstat.cputime.stime;

    if (usage < to->cpu_usage_nsec)
        return;
    system = scale(usage, system, user + system);
    if (system < to->cpu_system_nsec)
        system = to->cpu_system_nsec;
    if (usage - system < to->cpu_user_nsec)
        system = usage - to->cpu_user_nsec;
    to->cpu_usage_nsec = usage;
    to->cpu_system_nsec = system;
    to->cpu_user_nsec = usage - system;
}

static __always_inline void copy_throttling(struct cgroup_counters *to, struct cgroup *cgroup) {
    struct task_group *group = SUBSYS(cgroup, cpu_cgrp_id);

    to->cpu_periods = to->cpu_throttled_periods = to->cpu_throttled_nsec = COUNTER_ABSENT;
    if (!group || !bpf_core_field_exists(group->cfs_bandwidth.nr_periods))
        return;
    to->cpu_periods = (__u32) BPF_CORE_READ(group, cfs_bandwidth.nr_periods);
    to->cpu_throttled_periods = (__u32) BPF_CORE_READ(group, cfs_bandwidth.nr_throttled);
    to->cpu_throttled_nsec = BPF_CORE_READ(group, cfs_bandwidth.throttled_time);
}

static __always_inline __u64 pressure(struct psi_group *group, int state) {
    __u64 nsec = COUNTER_ABSENT;

    if (group)
        bpf_probe_read_kernel(&nsec, sizeof(nsec), (const char *) &group->total + state * sizeof(nsec));
    return nsec;
}

static __always_inline void copy_pressure(struct cgroup_counters *to, struct cgroup *cgroup) {
    struct psi_group *group = bpf_core_field_exists(cgroup->psi) ? cgroup->psi : NULL;

    if (group && !BPF_CORE_READ(group, enabled))
        group = NULL;
    to->cpu_pressure_some_nsec = pressure(group, bpf_core_enum_value(enum psi_states, PSI_CPU_SOME));
    to->cpu_pressure_full_nsec = pressure(group, bpf_core_enum_value(enum psi_states, PSI_CPU_FULL));
    to->memory_pressure_some_nsec = pressure(group, bpf_core_enum_value(enum psi_states, PSI_MEM_SOME));
    to->memory_pressure_full_nsec = pressure(group, bpf_core_enum_value(enum psi_states, PSI_MEM_FULL));
    to->io_pressure_some_nsec = pressure(group, bpf_core_enum_value(enum psi_states, PSI_IO_SOME));
    to->io_pressure_full_nsec = pressure(group, bpf_core_enum_value(enum psi_states, PSI_IO_FULL));
}

static __always_inline __u64 memory_event(struct mem_cgroup *memory, int event) {
    __u64 count = COUNTER_ABSENT;

    if (memory)
        bpf_probe_read_kernel(&count, sizeof(count), (const char *) &memory->memory_events + event * sizeof(count));
    return count;
}

static __always_inline void copy_memory_events(struct cgroup_counters *to, struct mem_cgroup *memory) {
    to->memory_low_events = memory_event(memory, bpf_core_enum_value(enum memcg_memory_event, MEMCG_LOW));
    to->memory_high_events = memory_event(memory, bpf_core_enum_value(enum memcg_memory_event, MEMCG_HIGH));
    to->memory_max_events = memory_event(memory, bpf_core_enum_value(enum memcg_memory_event, MEMCG_MAX));
    to->memory_ooms = memory_event(memory, bpf_core_enum_value(enum memcg_memory_event, MEMCG_OOM));
    to->memory_oom_kills = memory_event(memory, bpf_core_enum_value(enum memcg_memory_event, MEMCG_OOM_KILL));
}

/* memory.stat's figures; a flush is cheap where the tree's, just before, left nothing. */
static __always_inline void copy_memory_state(struct cgroup_counters *to, struct cgroup *cgroup, bool has_memory) {
    struct mem_cgroup *memory;

    to->memory_anon_bytes = to->memory_file_bytes = COUNTER_ABSENT;
    if (!has_memory || !knobs.memory_kfuncs)
        return;
    memory = bpf_get_mem_cgroup(&cgroup->self);
    if (!memory)
        return;
    bpf_mem_cgroup_flush_stats(memory);
    to->memory_anon_bytes = bpf_mem_cgroup_page_state(memory, bpf_core_enum_value(enum node_stat_item, NR_ANON_MAPPED));
    to->memory_file_bytes = bpf_mem_cgroup_page_state(memory, bpf_core_enum_value(enum node_stat_item, NR_FILE_PAGES));
    bpf_put_mem_cgroup(memory);
}

static __always_inline void copy_memory(struct cgroup_counters *to, struct cgroup *cgroup) {
    struct mem_cgroup *memory = SUBSYS(cgroup, memory_cgrp_id);
    __u64 page_bytes = knobs.page_bytes;

    to->memory_usage_bytes = to->memory_peak_bytes = to->memory_swap_bytes = COUNTER_ABSENT;
    if (memory && !bpf_core_field_exists(memory->memory_events))
        memory = NULL;
    if (memory) {
        to->memory_usage_bytes = BPF_CORE_READ(memory, memory.usage.counter) * page_bytes;
        to->memory_peak_bytes = BPF_CORE_READ(memory, memory.watermark) * page_bytes;
        to->memory_swap_bytes = BPF_CORE_READ(memory, swap.usage.counter) * page_bytes;
    }
    copy_memory_events(to, memory);
    copy_memory_state(to, cgroup, memory);
}

static __always_inline void copy_tasks(struct cgroup_counters *to, struct cgroup *cgroup) {
    struct pids_cgroup *pids = SUBSYS(cgroup, pids_cgrp_id);

    to->tasks = to->tasks_peak = COUNTER_ABSENT;
    if (!pids)
        return;
    to->tasks = BPF_CORE_READ(pids, counter.counter);
    if (bpf_core_field_exists(pids->watermark))
        to->tasks_peak = BPF_CORE_READ(pids, watermark);
}

SEC("iter.s/cgroup")
int cgroups(struct bpf_iter__cgroup *ctx) {
    struct cgroup *cgroup = ctx->cgroup;
    struct cgroup_counters *to;
    struct cgroup_slot *found;

    if (!cgroup)
        return 0;
    if (ctx->meta->seq_num == 0)
        enter_tree(cgroup);
    found = slot_of_cgroup_id(cgroup->kn->id);
    if (!found || found->role != SLOT_ROLE_OWNER)
        return 0;
    to = bpf_map_lookup_elem(&cgroup_counters, &found->slot);
    if (!to)
        return 0;

    to->read_nsec = bpf_ktime_get_ns();
    copy_cpu(to, cgroup);
    copy_throttling(to, cgroup);
    copy_pressure(to, cgroup);
    copy_memory(to, cgroup);
    copy_tasks(to, cgroup);
    return 0;
}
