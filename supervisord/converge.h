/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What converge.c, which asks the worker, and settle.c, which learns what it did, share. Private to them. */

#include <string.h>

#include "base/parse.h"
#include "supervisor.h"

/*
 * What could not be done now is tried once more: killed processes may take their time, and the worker may be busy. A bridge
 * that has to go may wait for its last port as long as somebody likes, so it is looked at ever more seldom.
 */
#define LOOK_AGAIN_USEC USEC_PER_SEC
#define LOOK_AGAIN_USEC_MAX (64 * USEC_PER_SEC)

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
