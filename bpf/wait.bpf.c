// SPDX-License-Identifier: GPL-2.0-or-later

/*
 * Run-queue wait: how long a task that could run waited for its CPU.
 *
 * The scheduler itself notes when a task was put on a queue (sched_info.last_queued, on the queue's own clock), and
 * forgets it right after this tracepoint, when the task arrives on the CPU. So one look at the next task at each switch
 * is enough; no wakeup is hooked, and nothing is remembered per task. The idle task is never queued.
 *
 * Beside that, a task that leaves its CPU for good is looked at once more by what remembers exits: here nothing preempts.
 */

#include "exit.h"

SEC("tp_btf/sched_switch")
int BPF_PROG(wait, bool preempt, struct task_struct *prev, struct task_struct *next) {
    __u64 queued = next->sched_info.last_queued, now, nsec;
    struct cgroup_slot *found;
    struct slot *slot;

    if (prev->__state == TASK_DEAD)
        remember_exit(prev);
    if (!queued)
        return 0;
    found = slot_of_cgroup(next->cgroups->dfl_cgrp);
    if (!found)
        return 0;
    slot = counters_of(found);
    if (!slot)
        return 0;

    /* No other instance runs on this CPU meanwhile: interrupts are off. */
    now = next->se.cfs_rq->rq->clock;
    nsec = now > queued ? now - queued : 0;
    slot->wait_nsec += nsec;
    slot->waits++;
    count_in(slot->wait_histogram, nsec);
    return 0;
}
