/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A start that is being waited for: watch.c, its end: ending.c. */

#include "supervisor.h"

struct Watch {
    Supervisor *supervisor; /* supervisor::watches */
    Watch *next;
    Start start;
    sd_event_source *exit_source;
    /* until it has exec'ed */
    sd_event_source *report_source, *start_timer;
    bool is_starting;
    char *failure; /* why it will not; owned; NULL */
    bool timed_out;
    /* its end */
    Ending ending;                /* as the policy said at its start: it may be gone from there by now */
    sd_event_source *kill_source; /* from the first signal on */
    bool killed;
    bool planned_stop; /* a plan waits for its end */
    bool main_ended;   /* as exit says; the rest of its processes is still to end */
    Exit exit;
    int events_fd; /* the leaf's cgroup.events, from then on */
    sd_event_source *events_source;
    bool leaf_is_gone; /* nobody else will ask how it ended */
};

Watch *watch_find(const Supervisor *supervisor, const char *workload); /* NULL: it has no process */
/* Nothing of it is left: tells run, waiters and funnel, and frees it. */
void watch_finish(Watch *watch);
/* Its main process has ended: ends the rest, and finishes the watch when that is done, which may be now. */
void watch_end_rest(Watch *watch);
