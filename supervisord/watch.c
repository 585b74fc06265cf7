/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Workloads with a process: each is held by pidfd and by its leaf's kill file, so that stopping needs no memory, no lookup
 * and no other thread. It is starting until its report hangs up. When the main process has ended and so has the rest (ending.c),
 * the run is told, and the funnel decides what comes next.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/crash-point.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/strv.h"
#include "kernel/cgroup.h"
#include "kernel/spawn.h"
#include "serve/protocol.h"
#include "watch.h"

/* --- watches ----------------------------------------------------------------------------------------------------- */

Watch *watch_find(const Supervisor *s, const char *workload) {
    for (Watch *watch = s->watches; watch; watch = watch->next)
        if (strcmp(watch->start.name, workload) == 0)
            return watch;
    return NULL;
}

static void watch_free(Watch *watch) {
    for (Watch **w = &watch->supervisor->watches; *w; w = &(*w)->next)
        if (*w == watch) {
            *w = watch->next;
            break;
        }
    sd_event_source_disable_unref(watch->exit_source);
    sd_event_source_disable_unref(watch->reap_timer);
    sd_event_source_disable_unref(watch->kill_source);
    sd_event_source_disable_unref(watch->report_source);
    sd_event_source_disable_unref(watch->start_timer);
    sd_event_source_disable_unref(watch->events_source);
    sd_event_source_disable_unref(watch->roll_source);
    roll_free(watch->roll);
    close_fd(watch->events_fd);
    start_done(&watch->start);
    free(watch->failure);
    free(watch);
}

void supervisor_watches_free(Supervisor *s) {
    while (s->watches)
        watch_free(s->watches);
}

static const Workload *workload_of(const Supervisor *s, const char *name) {
    const Group *group = policy_group(s->policy, name);
    return group ? group->workload : NULL;
}

bool supervisor_is_abandoned(const Exit *exit) {
    return exit->known && !exit->signaled && exit->code == SPAWN_EXIT_ABANDONED;
}

void supervisor_note_exit(Supervisor *s, const char *name, const Exit *exit) {
    Run *run = supervisor_run_of(s, name);
    char words[96], cpu[64] = "";
    supervisor_account_cut(s);
    if (run && supervisor_is_abandoned(exit)) {
        run_on_put_off(run);
        return;
    }
    exit_show(exit, words, sizeof words);
    if (exit->cpu_usec) /* of the reaped tree: not our own account, so the two can be compared */
        snprintf(cpu, sizeof cpu, ", CPU time %.3fs", (double) exit->cpu_usec / USEC_PER_SEC);
    const char *verb = exit->found ? "had ended, nobody knows when" : "ended";
    ledger_journal(s->ledger, exit->at_usec, name, "%s %s: %s%s", name, verb, words, cpu);
    log_line(exit->known && !exit->signaled && exit->code == 0 ? LOG_INFO : LOG_NOTICE, name, "%s %s: %s%s", name, verb,
            words, cpu);
    if (!run)
        return;
    run_on_exit(run, workload_of(s, name), exit);
    supervisor_remember(s, name);
    if (run->state == RUN_BACKOFF)
        ledger_journal(s->ledger, exit->at_usec, name, "%s is started again in %s", name,
                format_usec(run->backoff_usec, cpu, sizeof cpu));
    if (run->state == RUN_FAILED && run->failure)
        log_line(LOG_ERR, name, "%s: %s", name, run->failure);
}

void supervisor_forget_exit(Supervisor *s, const char *workload, const Invocation *invocation) {
    Watch *watch = watch_find(s, workload);
    if (watch && invocation_equal(&watch->start.invocation, invocation))
        watch->leaf_is_gone = true;
    else
        exit_forget(s->programs, 0, invocation);
}

/* --- starting ---------------------------------------------------------------------------------------------------- */

void supervisor_start_failed(Supervisor *s, const char *name, const char *why, bool timed_out) {
    Run *run = supervisor_run_of(s, name);
    if (run) /* it may be wanted no more */
        run_on_start_failed(run, workload_of(s, name), strdup(why), timed_out, supervisor_now());
    if (supervisor_notify_start_failed(s, name, why) && run)
        run_on_put_off(run); /* who ran it was told that it does not run: nobody expects it, now or later */
    supervisor_remember(s, name);
}

static void end_report(Watch *watch) {
    watch->report_source = sd_event_source_disable_unref(watch->report_source);
    watch->start.report_fd = close_fd(watch->start.report_fd);
}

void watch_started(Watch *watch) {
    Supervisor *s = watch->supervisor;
    Run *run = supervisor_run_of(s, watch->start.name);
    watch->start_timer = sd_event_source_disable_unref(watch->start_timer);
    watch->is_starting = false;
    if (run)
        run_on_running(run);
    log_line(LOG_INFO, watch->start.name, "%s started, pid %d", watch->start.name, (int) watch->start.process.pid);
    supervisor_notify_started(s, watch->start.name);
    supervisor_converge_guests(s, watch->start.name);
}

/* What the report says, now that nothing more will come. */
static void take_report(Watch *watch) {
    char *why = NULL;
    int r = spawn_report_read(watch->start.report_fd, &why);
    end_report(watch);
    if (r > 0 && !watch_run_commands(watch, "ExecStartPost"))
        watch_started(watch);
    if (r < 0 && !watch->failure)
        watch->failure = why ?: strdup(strerror(-r));
    else
        free(why);
}

static int on_report(sd_event_source *source, int report_fd, uint32_t events, void *userdata) {
    take_report(userdata);
    return 0;
}

static int on_start_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
    Watch *watch = userdata;
    watch->timed_out = true;
    if (!watch->failure)
        watch->failure = strdup("it did not begin within TimeoutStartSec=");
    process_kill(&watch->start.process);
    return 0;
}

static int watch_start(Watch *watch, uint64_t timeout_usec) {
    sd_event *event = watch->supervisor->event;
    uint64_t at_usec;
    int r = sd_event_add_io(event, &watch->report_source, watch->start.report_fd, 0, on_report, watch); /* EPOLLHUP */
    if (r >= 0 && !__builtin_add_overflow(watch->start.started_usec, timeout_usec, &at_usec))
        r = sd_event_add_time(event, &watch->start_timer, CLOCK_MONOTONIC, at_usec, 0, on_start_timeout, watch);
    return r;
}

/* --- exits ------------------------------------------------------------------------------------------------------- */

/* It ended before it was what was to be started, and nobody had asked for that. */
static bool note_failure(Watch *watch, const char *name) {
    Supervisor *s = watch->supervisor;
    const Exit *exit = &watch->exit;
    const char *failure = watch->failure;
    const Run *run = supervisor_run_of(s, name);
    char words[96];
    if (!run || run->stop_asked || !watch->is_starting || supervisor_is_abandoned(exit))
        return false;
    _cleanup_(cleanup_free) char *why = NULL;
    text_printf(
            &why, "%s%s", failure ?: "it ended before it began: ", failure ? "" : exit_show(exit, words, sizeof words));
    ledger_journal(s->ledger, exit->at_usec, name, "%s failed to start: %s", name, why ?: "");
    log_line(LOG_ERR, name, "%s: %s", name, why ?: "");
    supervisor_start_failed(s, name, why ?: "", watch->timed_out);
    return true;
}

void watch_finish(Watch *watch) {
    Supervisor *s = watch->supervisor;
    char name[NAME_LENGTH_MAX + 1];
    strcpy(name, watch->start.name);
    bool planned_stop = watch->planned_stop;
    crash_point("start ended");
    if (watch->leaf_is_gone)
        exit_forget(s->programs, watch->start.process.pid, &watch->start.invocation);
    if (!note_failure(watch, name))
        supervisor_note_exit(s, name, &watch->exit);
    watch_free(watch);
    s->sampled_usec = 0; /* whoever asks now wants what it used to the end */
    supervisor_notify_ended(s, name);
    supervisor_settle_waiters(s);
    /* What a plan stops is not at its end, unless its user stopped it under a daemon that did not live to do so. */
    const Workload *workload = workload_of(s, name);
    bool collected = !(planned_stop && workload && workload->life.running) && supervisor_collect(s, name);
    if (planned_stop) /* what it stood in the way of may be anywhere */
        supervisor_converge(s, &(Converge){});
    else if (!collected)
        supervisor_converge(s, &(Converge){ .only = name });
}

static int end_main(Watch *watch) {
    watch->exit_source = sd_event_source_disable_unref(watch->exit_source);
    watch->reap_timer = sd_event_source_disable_unref(watch->reap_timer);
    watch->main_ended = true;
    crash_point("exit reaped");
    if (watch->start.report_fd >= 0)
        take_report(watch);
    if (watch->command_key &&
            watch->is_starting) { /* it has been what was to be started, and no more is done for that */
        watch->command_key = NULL;
        if (!watch->failure)
            watch_started(watch);
    }
    watch_end_rest(watch);
    return 0;
}

static int on_reap_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
    return end_main(userdata);
}

/* Its exit is told once whoever inherited it has reaped it, which should be soon; EPOLLHUP. False: nobody waits (again). */
static bool await_reaper(Watch *watch) {
    return !watch->reap_timer && sd_event_source_set_io_events(watch->exit_source, 0) >= 0 &&
           sd_event_add_time_relative(watch->supervisor->event, &watch->reap_timer, CLOCK_MONOTONIC,
                   REAP_PATIENCE_MSEC * USEC_PER_MSEC, 0, on_reap_timeout, watch) >= 0;
}

static int on_exit_of(sd_event_source *source, int pidfd, uint32_t events, void *userdata) {
    Watch *watch = userdata;
    Supervisor *s = watch->supervisor;
    watch->exit.at_usec = supervisor_now();
    if (process_reap(&watch->start.process, &watch->exit) == -EAGAIN)
        return 0;
    watch->exit.oom_stopped = watch->oom_stopped;
    if (!watch->exit.known)
        exit_look_up(s->programs, &watch->start.invocation, &watch->exit);
    if (!watch->exit.known && process_tell_exit(pidfd, &watch->exit) == -EAGAIN && await_reaper(watch))
        return 0;
    return end_main(watch);
}

static int watch_process(Watch *watch) {
    int r = sd_event_add_io(
            watch->supervisor->event, &watch->exit_source, watch->start.process.pidfd, EPOLLIN, on_exit_of, watch);
    if (r >= 0)
        sd_event_source_set_description(watch->exit_source, watch->start.name);
    return r;
}

/* Nobody may run unwatched: what cannot be watched is ended. */
static void give_up(Watch *watch, int r) {
    log_line(LOG_ERR, watch->start.name, "cannot watch %s, killing it: %s", watch->start.name, strerror(-r));
    process_kill(&watch->start.process);
    supervisor_note_exit(watch->supervisor, watch->start.name, &(Exit){ .at_usec = supervisor_now() });
    watch_free(watch);
}

void supervisor_watch(Supervisor *s, Start *start) {
    supervisor_account_cut(s);
    const Workload *workload = workload_of(s, start->name);
    LedgerEntry *entry;
    int r = ledger_entry(s->ledger, start->name, GROUP_WORKLOAD, &entry);
    Watch *watch = r < 0 ? NULL : calloc(1, sizeof *watch);
    if (!watch) {
        log_line(LOG_ERR, start->name, "out of memory, killing %s", start->name);
        process_kill(&start->process);
        return;
    }
    watch->supervisor = s;
    watch->next = s->watches;
    watch->start = *start;
    watch->ending = workload ? workload->life.ending : (Ending) ENDING_DEFAULT;
    watch->events_fd = -1;
    watch->is_starting = watch->start.report_fd >= 0;
    s->watches = watch;
    *start = (Start) START_NULL;

    run_on_started(&entry->run, &watch->start.invocation, watch->start.leaf, watch->start.process.pid,
            watch->start.started_usec);
    r = watch_process(watch);
    if (r >= 0 && watch->start.report_fd >= 0)
        r = watch_start(watch, workload ? workload->life.start_timeout_usec : UINT64_MAX);
    else
        run_on_running(&entry->run);
    if (r < 0)
        give_up(watch, r);
}
