/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The state machine of a workload's runs. An end that nobody asked for is judged by Restart=: a start again comes
 * with a back-off that doubles until a run was steady. An end that was asked for leads to RUN_STOPPED, where policy
 * alone decides.
 */

#include "model/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RestartSec=0 must not become a busy loop: doubling starts here at least. */
#define RESTART_USEC_MIN UINT64_C(10000)

static const char *const state_names[RUN_STATES_COUNT] = {
    [RUN_STOPPED] = "stopped",
    [RUN_STARTING] = "starting",
    [RUN_RUNNING] = "running",
    [RUN_STOPPING] = "stopping",
    [RUN_BACKOFF] = "backoff",
    [RUN_EXITED] = "exited",
    [RUN_FAILED] = "failed",
};

const char *run_state_name(RunState state) {
    return state_names[state];
}

static void failure_replace(Run *run, char *failure) {
    free(run->failure);
    run->failure = failure;
}

void run_done(Run *run) {
    free(run->failure);
    *run = (Run){};
}

/* The rows of the table at Restart= in systemd.service(5). */
typedef enum EndKind {
    END_CLEAN, /* exit code 0, some signals, and SuccessExitStatus= */
    END_CODE,
    END_SIGNAL,
    END_TIMEOUT,
    END_UNKNOWN, /* a failure, but nobody can say of which kind */
    END_KINDS_COUNT,
} EndKind;

static const bool restarts[RESTART_POLICIES_COUNT][END_KINDS_COUNT] = {
    [RESTART_ON_SUCCESS] = { [END_CLEAN] = true },
    [RESTART_ON_FAILURE] = { [END_CODE] = true, [END_SIGNAL] = true, [END_TIMEOUT] = true, [END_UNKNOWN] = true },
    [RESTART_ON_ABNORMAL] = { [END_SIGNAL] = true, [END_TIMEOUT] = true },
    [RESTART_ON_ABORT] = { [END_SIGNAL] = true },
    [RESTART_ALWAYS] = { true, true, true, true, true },
};

static EndKind exit_kind(const Exit *exit, const Workload *workload) {
    static const ExitSet clean = {
        .codes = { 1 },
        .signals = UINT64_C(1) << (SIGHUP - 1) | UINT64_C(1) << (SIGINT - 1) | UINT64_C(1) << (SIGTERM - 1) |
                   UINT64_C(1) << (SIGPIPE - 1),
    };

    if (exit->oom_stopped)
        return END_SIGNAL;
    if (!exit->known)
        return END_UNKNOWN;
    if (exit_set_has(&clean, exit->signaled, exit->code) ||
            (workload && exit_set_has(&workload->life.success, exit->signaled, exit->code)))
        return END_CLEAN;
    return exit->signaled ? END_SIGNAL : END_CODE;
}

static uint64_t backoff_next(uint64_t last_usec, uint64_t restart_usec) {
    uint64_t first = restart_usec > RESTART_USEC_MIN ? restart_usec : RESTART_USEC_MIN;
    uint64_t ceiling = first > RESTART_USEC_MAX ? first : RESTART_USEC_MAX;

    if (last_usec < first)
        return first;
    return last_usec > ceiling / 2 ? ceiling : last_usec * 2;
}

static void back_off(Run *run, uint64_t restart_usec, uint64_t now_usec) {
    run->backoff_usec = backoff_next(run->backoff_usec, restart_usec);
    if (__builtin_add_overflow(now_usec, run->backoff_usec, &run->next_start_usec))
        run->next_start_usec = UINT64_MAX; /* RestartSec=infinity */
    run->state = RUN_BACKOFF;
}

/* Too many starts in too little time; the next one would be another. */
static bool limit_hit(Run *run, const Life *life) {
    if (run->limit_starts == 0 || run->started_usec - run->limit_begin_usec >= life->start_limit_interval_usec) {
        run->limit_begin_usec = run->started_usec;
        run->limit_starts = 0;
    }
    run->limit_starts++;
    return run->limit_starts >= life->start_limit_burst &&
           run->next_start_usec - run->limit_begin_usec < life->start_limit_interval_usec;
}

static void start_again(Run *run, const Life *life, uint64_t now_usec) {
    back_off(run, life->restart_usec, now_usec);
    if (life->start_limit_interval_usec == 0 || !limit_hit(run, life))
        return;
    run->state = RUN_FAILED;
    failure_replace(run, strdup("start limit hit"));
}

static void run_end(Run *run, const Workload *workload, uint64_t now_usec, EndKind end, bool prevented) {
    bool asked_for = run->stop_asked || run->start_wanted_again || !workload || !workload->life.running;

    run->main_pid = 0;
    run->ended_usec = now_usec;
    run->start_wanted_again = run->stop_asked = false;
    if (asked_for)
        run->state = RUN_STOPPED;
    else if (restarts[workload->life.restart][end] && !prevented)
        start_again(run, &workload->life, now_usec);
    else
        run->state = end == END_CLEAN ? RUN_EXITED : RUN_FAILED;
}

void run_on_found(Run *run, uint64_t n_restarts) {
    run->n_restarts = n_restarts;
}

uint64_t run_restarts_with_next(const Run *run) {
    return run->n_restarts + (run->state == RUN_BACKOFF);
}

void run_on_starting(Run *run, uint64_t now_usec) {
    run->n_restarts = run_restarts_with_next(run);
    run->state = RUN_STARTING;
    run->main_pid = 0;
    run->started_usec = now_usec;
    run->start_wanted_again = run->stop_asked = false;
}

void run_on_put_off(Run *run) {
    run->state = RUN_STOPPED;
}

void run_on_started(Run *run, const Invocation *invocation, unsigned leaf, pid_t main_pid, uint64_t started_usec) {
    run->state = RUN_STARTING;
    run->invocation = *invocation;
    run->leaf = leaf;
    run->main_pid = main_pid;
    run->started_usec = started_usec;
}

void run_on_running(Run *run) {
    if (run->state == RUN_STARTING)
        run->state = RUN_RUNNING;
    failure_replace(run, NULL);
}

void run_on_start_failed(Run *run, const Workload *workload, char *failure, bool timed_out, uint64_t now_usec) {
    failure_replace(run, failure);
    run_end(run, workload, now_usec, timed_out ? END_TIMEOUT : END_CODE, false);
}

void run_on_stopping(Run *run) {
    if (run_is_alive(run)) {
        run->state = RUN_STOPPING;
        run->stop_asked = true;
    } else if (run->state == RUN_BACKOFF)
        run->state = RUN_STOPPED;
}

void run_on_ending(Run *run) {
    run->main_pid = 0;
    run->state = RUN_STOPPING;
}

void run_on_exit(Run *run, const Workload *workload, const Exit *exit) {
    run->last_exit = *exit;
    if (exit->at_usec >= run->started_usec && exit->at_usec - run->started_usec >= RUN_STEADY_USEC)
        run->backoff_usec = 0;
    bool prevented =
            workload && exit->known && exit_set_has(&workload->life.restart_prevent, exit->signaled, exit->code);
    run_end(run, workload, exit->at_usec, exit_kind(exit, workload), prevented);
}

static void forget_backoff(Run *run) {
    run->backoff_usec = 0;
    run->next_start_usec = 0;
    run->limit_starts = 0;
    failure_replace(run, NULL);
    if (!run_is_alive(run))
        run->state = RUN_STOPPED;
}

void run_on_user_start(Run *run) {
    forget_backoff(run);
    if (run->state == RUN_STOPPING)
        run->start_wanted_again = true;
}

void run_on_user_restart(Run *run) {
    forget_backoff(run);
    run->start_wanted_again = run_is_alive(run);
}

bool run_wanted(const Run *run, const Workload *workload, uint64_t now_usec) {
    if (!workload || !workload->life.running)
        return false;
    switch (run->state) {
    case RUN_STOPPED:
        return true;
    case RUN_STARTING:
    case RUN_RUNNING:
        return run->main_pid == 0 || !run->start_wanted_again;
    case RUN_BACKOFF:
        return now_usec >= run->next_start_usec;
    default:
        return false;
    }
}

bool run_is_alive(const Run *run) {
    return run->state == RUN_STARTING || run->state == RUN_RUNNING || run->state == RUN_STOPPING;
}

void exit_set_status(Exit *exit, int status) {
    exit->known = true;
    exit->signaled = status & 0x7f;
    exit->code = exit->signaled ? status & 0x7f : (status >> 8) & 0xff;
}

const char *exit_show(const Exit *exit, char *buffer, size_t size) {
    const char *signal_name = exit->signaled ? sigabbrev_np(exit->code) : NULL;
    const char *memory = exit->oom_killed ? ", out of memory" : "";

    if (!exit->known)
        snprintf(buffer, size, "unknown%s", memory);
    else if (signal_name)
        snprintf(buffer, size, "signal %s%s", signal_name, memory);
    else
        snprintf(buffer, size, "%s %d%s", exit->signaled ? "signal" : "exit code", exit->code, memory);
    return buffer;
}
