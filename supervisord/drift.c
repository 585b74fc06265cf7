/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Knob truth: the kernel tells when somebody writes to our cgroups or a disk comes or goes; then, and only then, the worker
 * looks whether what should hold still does. Our own writes wake us too, and are found to be what they should be. What is
 * found is said once, counted, and put right only if the policy says so; a new disk is not drift, and gets its limits.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "kernel/cgroup.h"
#include "kernel/lookout.h"
#include "kernel/observe.h"
#include "kernel/uevent.h"
#include "supervisor.h"

#define LOOK_DELAY_USEC (50 * USEC_PER_MSEC) /* several writes, one look */

enum { TOUCHED_MAX = 16 }; /* more at once, and all are looked at */

#define ABOVE "" /* no group has this name: what is above them */

struct DriftWatch {
    Lookout *lookout; /* NULL: the kernel does not tell, and we ask now and then */
    int uevent_fd;
    sd_event_source *lookout_source, *uevent_source, *look_source, *poll_source;
    char *touched[TOUCHED_MAX];
    size_t n_touched;
    bool all_touched, disks_changed, is_armed;
    uint64_t counts[KNOBS_COUNT];
};

/* --- looking ----------------------------------------------------------------------------------------------------- */

typedef struct LookJob {
    Job job; /* first */
    Supervisor *supervisor;
    Policy *policy;
    char *names[TOUCHED_MAX];
    size_t n_names;
    bool all;
    Drift *drifts; /* [policy->n_groups], of those that were looked at */
    bool *looked;  /* likewise */
} LookJob;

static void look_free(LookJob *job) {
    for (size_t i = 0; i < job->n_names; i++)
        free(job->names[i]);
    for (size_t i = 0; job->drifts && i < job->policy->n_groups; i++)
        drift_done(job->drifts + i);
    free(job->drifts);
    free(job->looked);
    policy_unref(job->policy);
    free(job);
}

static void note_drifts(LookJob *job, const Plan *plan, const Node *node, const char *only) {
    for (size_t i = 0; i < job->policy->n_groups; i++) {
        const Group *group = job->policy->groups[i];
        if (job->looked[i] || (only && strcmp(group->name, only) != 0) || !node_group(node, group->name))
            continue;
        job->looked[i] = drift_find(plan, node, group, job->drifts + i) == 0;
    }
}

/* A plan that lets everything run says what differs. only: NULL: of all groups. */
static void look_at(LookJob *job, Wish *wishes, const char *only) {
    Supervisor *s = job->supervisor;
    const Decision decision = { .wishes = wishes, .n_groups = job->policy->n_groups, .wake_usec = UINT64_MAX };
    _cleanup_(cleanup_plan_free) Plan *plan = NULL;
    Node node = {};
    if (observe(&s->tree, s->links, s->programs, job->policy, only, &node) < 0)
        return;
    int r = node.n_above > 0 ? 0 : observe_above(&s->tree, &node);
    if (r == 0)
        r = plan_build(job->policy, &decision, &node, only, &plan);
    if (r == 0)
        note_drifts(job, plan, &node, only);
    node_done(&node);
}

static void look_work(Job *base) {
    LookJob *job = (LookJob *) base;
    size_t n = job->policy->n_groups + 1;
    _cleanup_(cleanup_free) Wish *wishes = calloc(n, sizeof *wishes);
    job->drifts = calloc(n, sizeof *job->drifts);
    job->looked = calloc(n, sizeof *job->looked);
    if (!wishes || !job->drifts || !job->looked)
        return;
    for (size_t i = 0; i < job->policy->n_groups; i++)
        wishes[i] = WISH_KEEP;
    for (size_t i = 0; !job->all && i < job->n_names; i++)
        look_at(job, wishes, job->names[i]);
    if (job->all)
        look_at(job, wishes, NULL);
}

/* --- telling ----------------------------------------------------------------------------------------------------- */

static bool tell(Supervisor *s, const LedgerEntry *entry, const DriftItem *item) {
    if (drift_has(&entry->drift, item))
        return false;
    s->drift->counts[item->knob]++;
    log_line(LOG_NOTICE, entry->name, "%s: %s", entry->name, item->text);
    ledger_journal(s->ledger, supervisor_now(), entry->name, "drift of %s: %s", entry->name, item->text);
    return true;
}

/* Whether something is new: what a plan could not put right the last time, it need not try again. */
static bool settle(Supervisor *s, const Group *group, Drift *drift) {
    LedgerEntry *entry;
    if (ledger_entry(s->ledger, group->name, group->kind, &entry) < 0 || entry->degraded)
        return false; /* what does not hold by our own failure is told already */
    bool news = false;
    for (size_t i = 0; i < drift->n_items; i++)
        news = tell(s, entry, drift->items + i) || news;
    if (entry->drift.n_items > 0 && drift->n_items == 0)
        ledger_journal(s->ledger, supervisor_now(), entry->name, "drift of %s is over", entry->name);
    ledger_entry_set_drift(entry, drift);
    return news;
}

static void look_done(Job *base) {
    LookJob *job = (LookJob *) base;
    Supervisor *s = job->supervisor;
    for (size_t i = 0; job->looked && job->drifts && i < job->policy->n_groups; i++) {
        const Group *group = job->policy->groups[i];
        if (!job->looked[i] || !policy_group(s->policy, group->name))
            continue;
        if (settle(s, group, job->drifts + i) && s->policy->settings.drift == DRIFT_REPAIR)
            supervisor_converge(s, &(Converge){ .only = group->name });
    }
    look_free(job);
}

static int look(Supervisor *s) {
    DriftWatch *drift = s->drift;
    LookJob *job = calloc(1, sizeof *job);
    if (!job)
        return -ENOMEM;
    *job = (LookJob){ .job = { .work = look_work, .done = look_done },
        .supervisor = s,
        .policy = policy_ref(s->policy),
        .all = drift->all_touched,
        .n_names = drift->n_touched };
    memcpy(job->names, drift->touched, sizeof job->names);
    drift->n_touched = 0;
    drift->all_touched = false;
    int r = worker_submit(s->worker, JOB_ORDER, &job->job);
    if (r < 0)
        look_free(job);
    return r;
}

/* What `any` device says is for the new disk too, and a path may lead to another one now. */
static void follow_disks(Supervisor *s) {
    s->drift->disks_changed = false;
    ledger_journal(s->ledger, supervisor_now(), "", "a disk has come, gone or changed");
    supervisor_converge(s, &(Converge){});
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
    Supervisor *s = userdata;
    DriftWatch *drift = s->drift;
    drift->is_armed = false;
    if (drift->disks_changed)
        follow_disks(s);
    int r = drift->all_touched || drift->n_touched > 0 ? look(s) : 0;
    if (r < 0)
        log_warning("cannot look what somebody has written: %s", strerror(-r));
    return 0;
}

/* --- being told -------------------------------------------------------------------------------------------------- */

static void arm(Supervisor *s) {
    DriftWatch *drift = s->drift;
    if (drift->is_armed)
        return;
    sd_event_source_disable_unref(drift->look_source);
    drift->look_source = NULL;
    drift->is_armed = sd_event_add_time_relative(
                              s->event, &drift->look_source, CLOCK_MONOTONIC, LOOK_DELAY_USEC, 0, on_look, s) >= 0;
}

void supervisor_drift_look(Supervisor *s) {
    s->drift->all_touched = true;
    arm(s);
}

static void touch(Supervisor *s, const char *name) {
    DriftWatch *drift = s->drift;
    for (size_t i = 0; i < drift->n_touched; i++)
        if (strcmp(drift->touched[i], name) == 0)
            return;
    char *copy = drift->n_touched < TOUCHED_MAX ? strdup(name) : NULL;
    if (copy)
        drift->touched[drift->n_touched++] = copy;
    else
        drift->all_touched = true;
    arm(s);
}

static bool is_knob_file(const char *file) {
    FOREACH_KNOB (knob)
        if (strcmp(knob->file, file) == 0)
            return true;
    return false;
}

static void on_write(const char *name, const char *file, void *userdata) {
    Supervisor *s = userdata;
    if (strcmp(file, OOM_EVENTS) == 0)
        supervisor_on_oom(s, name);
    else if (is_knob_file(file) && strcmp(name, ABOVE) == 0)
        supervisor_drift_look(s);
    else if (is_knob_file(file))
        touch(s, name);
}

static int on_lookout(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    Supervisor *s = userdata;
    if (lookout_read(s->drift->lookout, on_write, s) < 0)
        supervisor_drift_look(s);
    return 0;
}

static int on_uevent(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    Supervisor *s = userdata;
    if (!uevent_read_disks(fd) || !policy_names_devices(s->policy))
        return 0;
    s->drift->disks_changed = true;
    arm(s);
    return 0;
}

static bool stops_on_oom(const Group *group) {
    const LimitValue *value = group->limits + LIMIT_OOM_POLICY;
    return value->is_set && value->amount == OOM_STOP;
}

static int on_poll(sd_event_source *source, uint64_t usec, void *userdata) {
    Supervisor *s = userdata;
    for (size_t i = 0; i < s->policy->n_groups; i++)
        if (stops_on_oom(s->policy->groups[i]))
            supervisor_on_oom(s, s->policy->groups[i]->name);
    supervisor_drift_look(s);
    int r = sd_event_source_set_time_relative(source, s->policy->settings.drift_interval_usec);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* --- beginning and end ------------------------------------------------------------------------------------------- */

static void poll_instead(Supervisor *s, int r) {
    if (s->drift->poll_source)
        return;
    uint64_t interval_usec = s->policy->settings.drift_interval_usec;
    char text[AMOUNT_TEXT_MAX];
    log_warning("the kernel cannot tell of all writes to cgroups (%s): looking every %s", strerror(-r),
            format_usec(interval_usec, text, sizeof text));
    sd_event_add_time_relative(s->event, &s->drift->poll_source, CLOCK_MONOTONIC, interval_usec, 0, on_poll, s);
}

static void add(Supervisor *s, const char *name, int dir_fd) {
    int r = s->drift->lookout ? lookout_add(s->drift->lookout, name, dir_fd) : 0;
    if (r < 0)
        poll_instead(s, r);
}

void supervisor_drift_follow(Supervisor *s, const char *name, int dir_fd) {
    add(s, name, dir_fd);
}

static void follow_oom(Supervisor *s, const Group *group) {
    _cleanup_(cleanup_close) int fd = -1;
    char path[PATH_MAX];
    if (!s->drift->lookout || group_path(group, path, sizeof path) < 0 || cgroup_open(s->tree.fd, path, &fd) < 0)
        return;
    int r = lookout_add_file(s->drift->lookout, group->name, fd, OOM_EVENTS);
    if (r < 0)
        poll_instead(s, r);
}

void supervisor_drift_settle(Supervisor *s, const Group *group) {
    const LedgerEntry *entry = ledger_find(s->ledger, group->name);
    if (entry && entry->drift.n_items > 0)
        touch(s, group->name);
    if (stops_on_oom(group))
        follow_oom(s, group);
}

/* Reserves hold only as far as those above grant them. */
static void follow_above(Supervisor *s) {
    _cleanup_(cleanup_free) char *path = strdup(s->tree.path);
    size_t mount_length = strlen(s->tree.mount);
    while (path && strlen(path) > mount_length) {
        _cleanup_(cleanup_close) int fd = -1;
        if (cgroup_open(AT_FDCWD, path, &fd) == 0)
            add(s, ABOVE, fd);
        *strrchr(path, '/') = '\0';
    }
}

int supervisor_drift_open(Supervisor *s) {
    s->drift = calloc(1, sizeof *s->drift);
    if (!s->drift)
        return -ENOMEM;
    s->drift->uevent_fd = uevent_open();
    int r = lookout_new(&s->drift->lookout);
    if (r == 0)
        r = sd_event_add_io(s->event, &s->drift->lookout_source, lookout_fd(s->drift->lookout), EPOLLIN, on_lookout, s);
    if (r < 0)
        poll_instead(s, r);
    if (s->drift->uevent_fd < 0)
        log_warning("the kernel cannot tell of disks that come: %s", strerror(-s->drift->uevent_fd));
    else
        sd_event_add_io(s->event, &s->drift->uevent_source, s->drift->uevent_fd, EPOLLIN, on_uevent, s);
    follow_above(s);
    return 0;
}

void supervisor_drift_free(Supervisor *s) {
    DriftWatch *drift = s->drift;
    if (!drift)
        return;
    sd_event_source_disable_unref(drift->lookout_source);
    sd_event_source_disable_unref(drift->uevent_source);
    sd_event_source_disable_unref(drift->look_source);
    sd_event_source_disable_unref(drift->poll_source);
    for (size_t i = 0; i < drift->n_touched; i++)
        free(drift->touched[i]);
    lookout_free(drift->lookout);
    close_fd(drift->uevent_fd);
    free(drift);
    s->drift = NULL;
}

const uint64_t *supervisor_drift_counts(const Supervisor *s) {
    return s->drift->counts;
}
