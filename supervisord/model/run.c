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

/* systemd.service(5), Restart=: exit code 0 and these signals are a clean end. */
static bool exit_is_clean(const Exit *exit) {
    if (!exit->known)
        return false;
    if (!exit->signaled)
        return exit->code == 0;
    return exit->code == SIGHUP || exit->code == SIGINT || exit->code == SIGTERM || exit->code == SIGPIPE;
}

static bool restart_applies(RestartPolicy restart, bool clean) {
    return restart == RESTART_ALWAYS || (restart == RESTART_ON_FAILURE && !clean);
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

static void run_end(Run *run, const Workload *workload, uint64_t now_usec, bool clean) {
    bool asked_for = run->state == RUN_STOPPING || run->start_wanted_again || !workload || !workload->life.running;

    run->main_pid = 0;
    run->ended_usec = now_usec;
    run->start_wanted_again = false;
    if (asked_for)
        run->state = RUN_STOPPED;
    else if (restart_applies(workload->life.restart, clean))
        back_off(run, workload->life.restart_usec, now_usec);
    else
        run->state = clean ? RUN_EXITED : RUN_FAILED;
}

void run_on_starting(Run *run, uint64_t now_usec) {
    if (run->state == RUN_BACKOFF)
        run->n_restarts++;
    run->state = RUN_STARTING;
    run->main_pid = 0;
    run->started_usec = now_usec;
    run->start_wanted_again = false;
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

void run_on_start_failed(Run *run, const Workload *workload, char *failure, uint64_t now_usec) {
    failure_replace(run, failure);
    run_end(run, workload, now_usec, false);
}

void run_on_stopping(Run *run) {
    if (run_is_alive(run))
        run->state = RUN_STOPPING;
    else if (run->state == RUN_BACKOFF)
        run->state = RUN_STOPPED;
}

void run_on_exit(Run *run, const Workload *workload, const Exit *exit) {
    run->last_exit = *exit;
    if (exit->at_usec >= run->started_usec && exit->at_usec - run->started_usec >= RUN_STEADY_USEC)
        run->backoff_usec = 0;
    run_end(run, workload, exit->at_usec, exit_is_clean(exit));
}

static void forget_backoff(Run *run) {
    run->backoff_usec = 0;
    run->next_start_usec = 0;
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
