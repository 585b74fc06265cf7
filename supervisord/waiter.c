/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Callers who wait for a start or an end. Each is answered once: when it has come to pass, when it will not come any more,
 * when the daemon goes away, or when nobody listens any more.
 */

#include <stdio.h>
#include <string.h>

#include "serve/protocol.h"
#include "supervisor.h"

struct Waiter {
    Waiter *next; /* supervisor::waiters */
    char *workload;
    WaitFor what;
    ApiCall *call;
};

/* Takes the next waiter of a workload for one of some things out of the list; NULL: there is none. */
static Waiter *waiter_take(Supervisor *s, const char *workload, unsigned what) {
    for (Waiter **w = &s->waiters; *w; w = &(*w)->next)
        if (strcmp((*w)->workload, workload) == 0 && ((*w)->what & what)) {
            Waiter *taken = *w;
            *w = taken->next;
            return taken;
        }
    return NULL;
}

static void waiter_free(Waiter *waiter) {
    free(waiter->workload);
    free(waiter);
}

static void waiter_answer(Supervisor *s, Waiter *waiter) {
    static const Run fresh;
    const Run *run = supervisor_run_of(s, waiter->workload);
    if (!run)
        run = &fresh;
    if (waiter->what == WAIT_RUN_STARTED)
        api_answer_run(waiter->call, waiter->workload, run->main_pid, &(Exit){});
    else if (waiter->what == WAIT_RUN_ENDED)
        api_answer_run(waiter->call, waiter->workload, 0, &run->last_exit);
    else if (waiter->what == WAIT_EXIT)
        api_answer_exit(waiter->call, &run->last_exit);
    else
        api_answer(waiter->call);
    waiter_free(waiter);
}

void supervisor_wait(Supervisor *s, const char *workload, WaitFor what, ApiCall *call) {
    if (api_is_hurried(call)) {
        api_answer(call);
        return;
    }
    Waiter *waiter = calloc(1, sizeof *waiter);
    char *name = strdup(workload);
    if (!waiter || !name) {
        free(waiter);
        free(name);
        api_answer_error(call, CONTROL_ERROR_FAILED, "out of memory");
        return;
    }
    *waiter = (Waiter){ .next = s->waiters, .workload = name, .what = what, .call = call };
    s->waiters = waiter;
}

void supervisor_notify_started(Supervisor *s, const char *workload) {
    for (Waiter *w; (w = waiter_take(s, workload, WAIT_STARTED | WAIT_RUN_STARTED));)
        waiter_answer(s, w);
}

void supervisor_notify_ended(Supervisor *s, const char *workload) {
    for (Waiter *w; (w = waiter_take(s, workload, WAIT_ENDED | WAIT_RUN_ENDED | WAIT_EXIT));)
        waiter_answer(s, w);
}

bool supervisor_notify_start_failed(Supervisor *s, const char *workload, const char *why) {
    bool was_run = false;
    Waiter *w;
    while ((w = waiter_take(s, workload, WAIT_STARTED | WAIT_RUN_STARTED | WAIT_RUN_ENDED))) {
        was_run = was_run || (w->what & (WAIT_RUN_STARTED | WAIT_RUN_ENDED));
        api_answer_error(w->call, CONTROL_ERROR_FAILED, "%s", why);
        waiter_free(w);
    }
    return was_run;
}

static bool anything_lives(const Supervisor *s) {
    size_t cursor = 0;
    for (const LedgerEntry *entry; (entry = ledger_next(s->ledger, &cursor));)
        if (run_is_alive(&entry->run))
            return true;
    return s->watches;
}

/* It neither lives nor will, so that there is nothing more to wait for. */
static bool is_over(Supervisor *s, const Waiter *waiter) {
    if (!*waiter->workload)
        return !anything_lives(s);
    const Run *run = supervisor_run_of(s, waiter->workload);
    const Group *group = policy_group(s->policy, waiter->workload);
    bool wanted = !s->all_stopped && group && group->workload && group->workload->life.running;
    return !(run && run_is_alive(run)) && ((waiter->what & (WAIT_ENDED | WAIT_EXIT)) || !wanted);
}

void supervisor_settle_waiters(Supervisor *s) {
    for (Waiter **w = &s->waiters; *w;) {
        Waiter *waiter = *w;
        if (!is_over(s, waiter)) {
            w = &waiter->next;
            continue;
        }
        *w = waiter->next;
        if (waiter->what & (WAIT_ENDED | WAIT_EXIT)) {
            waiter_answer(s, waiter);
            continue;
        }
        api_answer_error(waiter->call, CONTROL_ERROR_FAILED, "%s was stopped meanwhile", waiter->workload);
        waiter_free(waiter);
    }
}

void supervisor_drop_forsaken(Supervisor *s) {
    for (Waiter **w = &s->waiters; *w;) {
        Waiter *waiter = *w;
        if (!api_is_forsaken(waiter->call)) {
            w = &waiter->next;
            continue;
        }
        *w = waiter->next;
        api_answer(waiter->call);
        waiter_free(waiter);
    }
}

void supervisor_waiters_free(Supervisor *s) {
    while (s->waiters) {
        Waiter *waiter = s->waiters;
        s->waiters = waiter->next;
        api_answer_error(
                waiter->call, CONTROL_ERROR_GOING_AWAY, "supervisord is going away; %s goes on", waiter->workload);
        waiter_free(waiter);
    }
}
