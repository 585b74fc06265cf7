/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Carrying out a plan, step by step, on the worker thread. Every write is read back. Stop steps are left to the
 * supervisor, whose way of killing never waits; they stay -EINPROGRESS.
 */

#include "kernel/keep.h"
#include "kernel/network.h"
#include "kernel/pool.h"
#include "kernel/process.h"
#include "kernel/programs.h"
#include "kernel/tree.h"
#include "model/plan.h"

/* stdio that `supctl run` or `exec` handed over, for the next start or session of one workload. */
typedef struct ApplyStdio {
    const char *workload;
    int fds[3];
} ApplyStdio;

/* What a plan works on. */
typedef struct ApplyTarget {
    const Tree *tree;
    Links *links;
    Pool *pool;         /* NULL: each start makes its own namespace */
    Programs *programs; /* NULL: no eBPF */
} ApplyTarget;

/* A start that is there: spawned by a plan, or found running (or ended meanwhile) by adopt(). */
typedef struct Start {
    char *name; /* of the workload */
    Invocation invocation;
    unsigned leaf;
    unsigned session;      /* not 0: of the workload, and no start of it */
    bool stopping;         /* found by adopt(): its end had been asked for */
    Process process;       /* held; PROCESS_NULL when it has ended before we came back */
    int report_fd;         /* until it has exec'ed (spawn.h); -1: it has */
    Exit exit;             /* then: how, if the exit record knows */
    uint64_t started_usec; /* CLOCK_MONOTONIC */
} Start;

#define START_NULL \
    { .process = PROCESS_NULL, .report_fd = -1 }

typedef struct Starts {
    Start *items;
    size_t n, n_allocated;
} Starts;

void start_done(Start *start);
void starts_done(Starts *starts);

/* Fills result and message of each step; appends the starts it made. stdio may be NULL. -ENOMEM: nothing was done. */
int apply(const ApplyTarget *target, Plan *plan, const ApplyStdio *stdio, Starts *starts);

/*
 * After STEP_GROUP_REMOVE was done: what our own programs counted for the group goes to the slice above, so that the
 * slice's sums never step back. On the thread that reads the counters (programs.h).
 */
void apply_release_slot(const ApplyTarget *target, const Step *step);

/*
 * Takes up what an earlier daemon left: meter slots, bindings, and the starts of each workload, running or ended. Changes
 * nothing that holds; only what an ended main process left behind is killed. Shows each group, slices before what is in
 * them, with its open directory, good until the visit returns. -ENOMEM.
 */
typedef void AdoptVisit(void *userdata, const NodeGroup *group, int dir_fd);
int adopt(const ApplyTarget *target, const Keep *keep, AdoptVisit *visit, void *userdata, Starts *ret);

/* Has the end of a main process recorded, by the means that there are; and the record forgotten (pid 0: it has ended). */
void exit_register(Programs *programs, const Process *process, uint64_t start_ticks, const Invocation *invocation);
void exit_forget(Programs *programs, pid_t pid, const Invocation *invocation);
/* Asks the exit record how a start that was not our child ended; leaves *exit alone when it does not know. */
void exit_look_up(Programs *programs, const Invocation *invocation, Exit *exit);
