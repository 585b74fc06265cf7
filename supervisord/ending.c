/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How starts end: systemd.kill(5). A signal first, to whom KillMode= says; when TimeoutStopSec= is over, SIGKILL for all. A
 * start has ended when the last of its processes has: its main process may leave some behind, which end in the same way.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/crash-point.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "kernel/cgroup.h"
#include "watch.h"

/* What SIGKILL has not ended by then hangs in the kernel, and nobody waits for it. */
#define KILL_PATIENCE_USEC (10 * USEC_PER_SEC)

enum { EVENTS_BYTES_MAX = 256 }; /* of cgroup.events */

Ending watch_ending(const Watch *watch) {
    const Group *group = policy_group(watch->supervisor->policy, watch->start.name);
    return group && group->workload ? group->workload->life.ending : watch->ending;
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata);

int watch_arm_stop(Watch *watch, uint64_t timeout_usec) {
    uint64_t at_usec;
    if (__builtin_add_overflow(supervisor_now(), timeout_usec, &at_usec))
        at_usec = UINT64_MAX; /* infinity; the source is there all the same, it says that an end is under way */
    watch->kill_source = sd_event_source_disable_unref(watch->kill_source);
    return sd_event_add_time(
            watch->supervisor->event, &watch->kill_source, CLOCK_MONOTONIC, at_usec, 0, on_stop_timeout, watch);
}

static void end_roll(Watch *watch) {
    watch->roll_source = sd_event_source_disable_unref(watch->roll_source);
    watch->roll = roll_free(watch->roll);
}

static void kill_all(Watch *watch) {
    watch->killed = true;
    end_roll(watch);
    process_kill(&watch->start.process);
    watch_arm_stop(watch, KILL_PATIENCE_USEC);
}

static int on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
    Watch *watch = userdata;
    const char *name = watch->start.name;
    if (watch->command_key) {
        supervisor_signal_session(watch->supervisor, name, watch->session, SIGKILL);
        watch->command_key = NULL;
        log_line(LOG_WARNING, name, "ExecStop= of %s did not end in time", name);
        watch_terminate(watch);
        return 0;
    }
    if (watch->killed) {
        log_line(LOG_ERR, name, "processes of %s hang in the kernel", name);
        if (watch->main_ended)
            watch_finish(watch);
        return 0;
    }
    bool kills = watch_ending(watch).send_sigkill;
    log_line(
            LOG_WARNING, name, "%s did not end in time, %s", name, kills ? "killing it" : "SendSIGKILL= lets it go on");
    if (!kills)
        return 0;
    ledger_journal(watch->supervisor->ledger, usec, name, "%s did not end in time: killed", name);
    kill_all(watch);
    return 0;
}

/* --- asked for --------------------------------------------------------------------------------------------------- */

static int on_roll(sd_event_source *source, void *userdata);

/*
 * A hundred thousand are a second's work: after the first some, the rest take turns with those who call the daemon. It is
 * another source each time, because one that stays would keep its place before theirs.
 */
static int signal_some(Watch *watch) {
    bool is_more = roll_signal(watch->roll, (int[]){ watch_ending(watch).signal, SIGCONT, 0 }, ROLL_AT_ONCE);
    watch->roll_source = sd_event_source_disable_unref(watch->roll_source);
    if (!is_more) {
        end_roll(watch);
        return 0;
    }
    int r = sd_event_add_defer(watch->supervisor->event, &watch->roll_source, on_roll, watch);
    return r < 0 ? r : sd_event_source_set_priority(watch->roll_source, API_PRIORITY);
}

static int on_roll(sd_event_source *source, void *userdata) {
    Watch *watch = userdata;
    if (signal_some(watch) < 0)
        kill_all(watch);
    return 0;
}

static int signal_all(Watch *watch) {
    end_roll(watch);
    int r = roll_take(watch->start.process.leaf_fd, watch->supervisor->tree.mount, &watch->roll);
    return r < 0 ? r : signal_some(watch);
}

static int send_signal(Watch *watch, const Ending *ending) {
    if (ending->mode == KILL_CONTROL_GROUP)
        return signal_all(watch);
    int r = process_signal(&watch->start.process, ending->signal);
    process_signal(&watch->start.process, SIGCONT);
    return r;
}

/* What cannot be asked, or be waited for, is killed. */
void watch_terminate(Watch *watch) {
    Ending ending = watch_ending(watch);
    if (watch_arm_stop(watch, ending.timeout_usec) < 0 || send_signal(watch, &ending) < 0)
        kill_all(watch);
}

/* Nobody asked for its end, so that Restart= counts. */
void supervisor_on_oom(Supervisor *s, const char *name) {
    Watch *watch = watch_find(s, name);
    const Group *group = policy_group(s->policy, name);
    if (!watch || watch->kill_source || watch->main_ended || watch->oom_stopped || !group ||
            group->limits[LIMIT_OOM_POLICY].amount != OOM_STOP || !process_is_oom_hit(&watch->start.process))
        return;
    watch->oom_stopped = true;
    log_line(LOG_NOTICE, name, "%s: a process was killed for want of memory, ending the rest", name);
    ledger_journal(
            s->ledger, supervisor_now(), name, "%s: a process was killed for want of memory, ending the rest", name);
    watch_terminate(watch);
}

bool supervisor_stop(Supervisor *s, const char *name, bool planned) {
    Watch *watch = watch_find(s, name);
    Run *run = supervisor_run_of(s, name);
    if (!watch)
        return false;
    watch->planned_stop = watch->planned_stop || planned;
    if (run &&
            !(planned && watch->main_ended)) /* a plan only waits for an end that came by itself: Restart= judges it */
        run_on_stopping(run);
    if (watch->kill_source)
        return true;
    watch->command_key = NULL; /* a start that is not over will not be */
    ledger_journal(s->ledger, supervisor_now(), name, "stopping %s", name);
    crash_point("before the stop is marked");
    cgroup_mark_stopping(watch->start.process.leaf_fd);
    crash_point("stop marked");
    if (watch->is_starting || watch->main_ended || !watch_run_commands(watch, "ExecStop"))
        watch_terminate(watch);
    return true;
}

int supervisor_signal(Supervisor *s, const char *name, int signal) {
    const Watch *watch = watch_find(s, name);
    return watch ? process_signal(&watch->start.process, signal) : -ESRCH;
}

void supervisor_stop_all(Supervisor *s, ApiCall *call) {
    s->all_stopped = true;
    ledger_journal(s->ledger, supervisor_now(), "", "stopping all workloads");
    supervisor_wait(s, WAIT_FOR_ALL, WAIT_ENDED, call);
    for (Watch *watch = s->watches; watch; watch = watch->next)
        supervisor_stop(s, watch->start.name, false);
    supervisor_converge(s, &(Converge){}); /* stops what is on its way just now */
    supervisor_settle_waiters(s);
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

static bool has_rest(const Watch *watch) {
    char text[EVENTS_BYTES_MAX];
    uint64_t populated;
    return file_pread(watch->events_fd, text, sizeof text) >= 0 && flat_key_u64(text, "populated", &populated) == 0 &&
           populated > 0;
}

static int on_leaf_event(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    Watch *watch = userdata;
    if (!has_rest(watch))
        watch_finish(watch);
    return 0;
}

void watch_end_rest(Watch *watch) {
    Supervisor *s = watch->supervisor;
    Run *run = supervisor_run_of(s, watch->start.name);
    watch->events_fd = openat(watch->start.process.leaf_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    if (watch->events_fd < 0 || !has_rest(watch)) {
        watch_finish(watch);
        return;
    }
    if (run)
        run_on_ending(run);
    if (sd_event_add_io(s->event, &watch->events_source, watch->events_fd, EPOLLPRI, on_leaf_event, watch) < 0 ||
            watch_ending(watch).mode == KILL_MIXED)
        kill_all(watch);
    else if (!watch->kill_source)
        watch_terminate(watch);
}
