/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How a registered main process ended. It has ended when its last thread has (signal->live is 0), whichever that was. Two
 * threads may both get here with 0, and one thread twice; the registration is the ticket, and the first takes it. The
 * status is what waitpid() would say: the group's if the group was told to exit (exit_group, a fatal signal; since 6.0 the
 * last thread always sees to that), whoever came first, else the leader's own.
 */

#include "lookup.h"

static __always_inline int status_of(struct task_struct *task) {
    struct signal_struct *signal = task->signal;

    return signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : task->group_leader->exit_code;
}

static __always_inline void record(const struct exit_key *key, const struct exit_record *exit) {
    __u64 *lost;
    __u32 zero = 0;

    if (bpf_map_update_elem(&exit_records, key, exit, BPF_ANY) == 0)
        return;
    lost = bpf_map_lookup_elem(&exits_lost, &zero);
    if (lost)
        __sync_fetch_and_add(lost, 1);
}

static __always_inline void remember_exit(struct task_struct *task) {
    struct exit_record exit = {};
    struct exit_watch *watch;
    struct exit_key key;
    __u32 pid;

    if (task->signal->live.counter > 0)
        return;
    pid = task->tgid;
    watch = bpf_map_lookup_elem(&exit_watches, &pid);
    if (!watch)
        return;

    exit.pid = pid;
    exit.status = status_of(task);
    exit.start_ticks = task->group_leader->start_boottime / NSEC_PER_CLOCK_TICK;
    exit.exit_nsec = bpf_ktime_get_ns();
    exit.oom_killed = task->signal->oom_mm != NULL;
    __builtin_memcpy(&key, watch->invocation, sizeof(key));
    /* Another's registration is left alone: who leaves its CPU for good may have been reaped, and its pid be taken again. */
    if (exit.start_ticks == watch->start_ticks && bpf_map_delete_elem(&exit_watches, &pid) == 0)
        record(&key, &exit);
}
