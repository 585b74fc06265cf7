/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What converge.c, which asks the worker, and settle.c, which learns what it did, share. Private to them. */

#include <string.h>

#include "base/parse.h"
#include "supervisor.h"

/*
 * What could not be done now is tried once more: the kernel takes a veth away some time after its namespace's last process
 * (only then can a bridge that is gone go), killed processes may take their time, and the worker may be busy.
 */
#define LOOK_AGAIN_USEC USEC_PER_SEC

typedef struct ConvergeJob {
    Job job; /* first */
    Supervisor *supervisor;
    Policy *policy;
    Decision decision;
    char *only;
    bool dry_run, reloading;
    ApiCall *call;
    ApplyStdio stdio;
    bool has_stdio;
    SessionCommand command;
    ApiCall *exec_call; /* NULL: there is no command, or nobody waits for it at the socket */
    /* what came of it */
    int result;
    Plan *plan;
    Starts starts;
} ConvergeJob;

static inline bool job_covers(const ConvergeJob *job, const Group *group) {
    return !job->only || strcmp(job->only, group->name) == 0;
}

/* Takes in what the worker left in the job, and answers who asked. The job stays the caller's. */
void converge_settle(ConvergeJob *job);
/* Decides again at that time at the latest. */
void supervisor_decide_at(Supervisor *s, uint64_t wake_usec);
