/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A start that is being waited for: watch.c, its end: ending.c. */

#include "kernel/roll.h"
#include "supervisor.h"

struct Watch {
    Supervisor *supervisor; /* supervisor::watches */
    Watch *next;
    Start start;
    sd_event_source *exit_source, *reap_timer;
    /* until it has exec'ed */
    sd_event_source *report_source, *start_timer;
    bool is_starting;
    /* a command of the policy beside it */
    const char *command_key; /* "ExecStartPost", "ExecStop"; NULL: none runs */
    size_t command;          /* its number in that list */
    unsigned session;        /* that it runs in */
    char *failure;           /* why it will not; owned; NULL */
    bool timed_out;
    /* its end */
    Ending ending;                /* as the policy said at its start: it may be gone from there by now */
    sd_event_source *kill_source; /* from the first signal on */
    Roll *roll;                   /* whom the signal is still to reach; NULL: nobody */
    sd_event_source *roll_source;
    bool killed;
    bool planned_stop; /* a plan waits for its end */
    bool main_ended;   /* as exit says; the rest of its processes is still to end */
    Exit exit;
    int events_fd; /* the leaf's cgroup.events, from then on */
    sd_event_source *events_source;
    bool oom_stopped;  /* OOMPolicy=stop */
    bool leaf_is_gone; /* nobody else will ask how it ended */
};

Watch *watch_find(const Supervisor *supervisor, const char *workload); /* NULL: it has no process */
/* Nothing of it is left: tells run, waiters and funnel, and frees it. */
void watch_finish(Watch *watch);
/* When that is over, harder means are taken. */
int watch_arm_stop(Watch *watch, uint64_t timeout_usec);
Ending watch_ending(const Watch *watch); /* as the policy says now, if it knows it still */
/* Signals it; later kills it. */
void watch_terminate(Watch *watch);
/* It is what was to be started. */
void watch_started(Watch *watch);
/* Runs the key's commands one after the other; false: there are none. What comes after them is said in command.c. */
bool watch_run_commands(Watch *watch, const char *key);
/* One of them has ended, or (exit NULL) did not come about. */
void watch_command_ended(
        Supervisor *supervisor, const char *workload, unsigned session, const Exit *exit, const char *why);
/* Its main process has ended: ends the rest, and finishes the watch when that is done, which may be now. */
void watch_end_rest(Watch *watch);
