/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Coming back: what an earlier daemon left is found on the node and taken up, before anything is decided.
 *
 * The past of workloads that do not run stands on their cgroups: written whenever one has ended, failed to start or been
 * set back by its user, read once by a daemon that comes back. The record of an end that it knows already is not told twice.
 */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash-point.h"
#include "base/log.h"
#include "kernel/cgroup.h"
#include "model/past.h"
#include "supervisor.h"

/* --- the past ---------------------------------------------------------------------------------------------------- */

void supervisor_remember(Supervisor *s, const char *name) {
    _cleanup_(cleanup_close) int fd = -1;
    const Group *group = policy_group(s->policy, name);
    const Run *run = supervisor_run_of(s, name);
    char path[PATH_MAX], text[PAST_TEXT_MAX];
    if (!group || !run || run_is_alive(run) || group_path(group, path, sizeof path) < 0 ||
            cgroup_open(s->tree.fd, path, &fd) < 0)
        return; /* what has no cgroup has no past */
    past_format(run, text);
    int r = cgroup_past_write(fd, text);
    crash_point("past written");
    if (r < 0)
        log_line(LOG_WARNING, name, "cannot note how %s ended: %s", name, strerror(-r));
}

static void recall(Supervisor *s, const NodeGroup *group, int dir_fd) {
    char text[PAST_TEXT_MAX];
    LedgerEntry *entry;
    if (group->kind != GROUP_WORKLOAD || ledger_entry(s->ledger, group->name, GROUP_WORKLOAD, &entry) < 0)
        return;
    run_on_found(&entry->run, group->restarts);
    int r = cgroup_past_read(dir_fd, text, sizeof text);
    if (r == 0)
        r = past_parse(text, &entry->run);
    if (r < 0 && r != -ENODATA)
        log_line(LOG_WARNING, group->name, "cannot read how %s ended: %s", group->name, strerror(-r));
}

/* --- coming back ------------------------------------------------------------------------------------------------- */

static void on_group(void *userdata, const NodeGroup *group, int dir_fd) {
    Supervisor *s = userdata;
    supervisor_follow(s, group->name, group->parent, dir_fd, group->cgroup_id, group->slot);
    recall(s, group, dir_fd);
}

/* A start that ended while nobody was looking is told to its run as if we had been there; once. */
static void settle_ended(Supervisor *s, const Start *start) {
    LedgerEntry *entry;
    if (ledger_entry(s->ledger, start->name, GROUP_WORKLOAD, &entry) < 0 || run_is_alive(&entry->run) ||
            invocation_equal(&entry->run.invocation, &start->invocation) || supervisor_is_abandoned(&start->exit))
        return;
    Exit exit = start->exit;
    exit.found = exit.at_usec == 0;
    if (exit.found)
        exit.at_usec = supervisor_now();
    run_on_started(&entry->run, &start->invocation, start->leaf, 0, start->started_usec);
    run_on_running(&entry->run);
    if (start->stopping)
        run_on_stopping(&entry->run);
    supervisor_note_exit(s, start->name, &exit);
}

static void take_up(Supervisor *s, Starts *starts) {
    size_t n_found = 0;
    for (size_t i = 0; i < starts->n; i++) {
        Start *start = starts->items + i;
        if (start->process.pidfd < 0) {
            settle_ended(s, start);
            continue;
        }
        log_line(LOG_DEBUG, start->name, "%s found %s, pid %d", start->name,
                start->report_fd < 0 ? "running" : "starting", (int) start->process.pid);
        n_found++;
        char *name = strdup(start->name);
        bool stopping = start->stopping;
        supervisor_watch(s, start);
        if (name && stopping)
            supervisor_stop(s, name, false);
        else if (name)
            supervisor_on_oom(s, name); /* it may have come while nobody looked */
        free(name);
    }
    if (starts->n > 0)
        log_info("found %zu workloads running, and %zu that have ended", n_found, starts->n - n_found);
}

static void tell_lost_exits(const Supervisor *s) {
    uint64_t lost;
    if (s->programs && programs_exits_lost(s->programs, &lost) == 0 && lost > 0) {
        log_warning("%" PRIu64 " ends since boot were not recorded: how they ended is unknown", lost);
        ledger_journal(s->ledger, supervisor_now(), "", "%" PRIu64 " ends since boot were not recorded", lost);
    }
}

int supervisor_come_back(Supervisor *s) {
    Starts starts = {};
    ApplyTarget target = supervisor_target(s);
    int r = adopt(&target, &s->keep, on_group, s, &starts);
    if (r == 0) {
        supervisor_end_backoffs(s);
        tell_lost_exits(s);
        take_up(s, &starts);
    }
    starts_done(&starts);
    keep_close_processes(&s->keep);
    return r;
}
