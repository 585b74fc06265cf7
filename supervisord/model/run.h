/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Run: the life of a workload from start to exit to the next start, as a state machine without clock or processes.
 * The supervisor tells it what happened; it says what should be and when to look again.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/invocation.h"
#include "model/policy.h"

#define RESTART_USEC_MAX (UINT64_C(60) * 1000 * 1000) /* back-off doubles up to here */
#define RUN_STEADY_USEC (UINT64_C(10) * 1000 * 1000)  /* a run of this length sets the back-off back */

typedef enum RunState {
    RUN_STOPPED,  /* the user does not want it, or it has not been started yet */
    RUN_STARTING, /* a plan with its spawn is under way, or its process has not exec'ed yet */
    RUN_RUNNING,
    RUN_STOPPING, /* told to end */
    RUN_BACKOFF,  /* ended, will be started again at next_start_usec */
    RUN_EXITED,   /* ended well, is not to be started again */
    RUN_FAILED,   /* ended badly or could not be started, is not to be started again */
    RUN_STATES_COUNT,
} RunState;

/* How a main process ended. Nothing known is said as unknown, never guessed. */
typedef struct Exit {
    bool known;
    int code; /* exit code, or signal number when signaled */
    bool signaled;
    bool oom_killed;   /* the cgroup's memory.events counted an oom_kill for this run */
    bool oom_stopped;  /* by us, because of that: OOMPolicy=stop */
    bool found;        /* it was over when it was looked for: at_usec is that time, not its own */
    uint64_t at_usec;  /* CLOCK_MONOTONIC */
    uint64_t cpu_usec; /* getrusage of the reaped tree; 0 when not our child */
} Exit;

typedef struct Run {
    RunState state;
    Invocation invocation;
    unsigned leaf;  /* number of the current or last leaf */
    pid_t main_pid; /* 0 unless alive; 0 also while a plan is to start it */
    uint64_t started_usec;
    uint64_t ended_usec;
    uint64_t next_start_usec; /* RUN_BACKOFF */
    uint64_t backoff_usec;
    uint64_t n_restarts;                     /* starts that we made by ourselves */
    uint64_t limit_begin_usec, limit_starts; /* of StartLimitIntervalSec=: when it began, starts since */
    bool stop_asked;                         /* its end was asked for */
    bool start_wanted_again;                 /* restart: stop first, then start without back-off */
    Exit last_exit;
    char *failure; /* the last start's error in words; owned; NULL */
} Run;

void run_done(Run *run);
const char *run_state_name(RunState state);

/* What an earlier daemon had noted of it. */
void run_on_found(Run *run, uint64_t n_restarts);

/* What happened. */
void run_on_starting(Run *run, uint64_t now_usec);
void run_on_put_off(Run *run); /* it could not begin yet; nothing failed */
/* Its process is there, and is starting. */
void run_on_started(Run *run, const Invocation *invocation, unsigned leaf, pid_t main_pid, uint64_t started_usec);
void run_on_running(Run *run); /* it has become what was to be started */
void run_on_start_failed(
        Run *run, const Workload *workload, char *failure /* taken */, bool timed_out, uint64_t now_usec);
void run_on_stopping(Run *run); /* its end is asked for */
void run_on_ending(Run *run);   /* its main process has ended, not all of its processes */
void run_on_exit(Run *run, const Workload *workload, const Exit *exit);
void run_on_user_start(Run *run); /* forget back-off and failure */
void run_on_user_restart(Run *run);

/* Should its processes be there now? Policy first, then the state. */
bool run_wanted(const Run *run, const Workload *workload, uint64_t now_usec);
uint64_t run_restarts_with_next(const Run *run); /* n_restarts, should it be started now */
bool run_is_alive(const Run *run);               /* starting, running or stopping */

void exit_set_status(Exit *exit, int status); /* as waitpid() gives it */
/* "exit code 1", "signal KILL, out of memory", "unknown". Returns buffer. */
const char *exit_show(const Exit *exit, char *buffer, size_t size);
