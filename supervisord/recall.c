/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The past of workloads that do not run stands on their cgroups: written whenever one has ended, failed to start or been
 * set back by its user, read once by a daemon that comes back. The record of an end that it knows already is not told twice.
 */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/crash-point.h"
#include "base/log.h"
#include "kernel/cgroup.h"
#include "model/past.h"
#include "supervisor.h"

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

static void recall(Supervisor *s, const NodeGroup *group) {
    _cleanup_(cleanup_close) int fd = -1;
    char text[PAST_TEXT_MAX];
    LedgerEntry *entry;
    if (group->kind != GROUP_WORKLOAD || ledger_entry(s->ledger, group->name, GROUP_WORKLOAD, &entry) < 0)
        return;
    run_on_found(&entry->run, group->restarts);
    if (cgroup_open(s->tree.fd, group->path, &fd) < 0)
        return;
    int r = cgroup_past_read(fd, text, sizeof text);
    if (r == 0)
        r = past_parse(text, &entry->run);
    if (r < 0 && r != -ENODATA)
        log_line(LOG_WARNING, group->name, "cannot read how %s ended: %s", group->name, strerror(-r));
}

void supervisor_recall(Supervisor *s, const Node *node) {
    for (size_t i = 0; i < node->n_groups; i++)
        recall(s, node->groups + i);
    supervisor_end_backoffs(s);
}
