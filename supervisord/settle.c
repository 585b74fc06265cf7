/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What came of a converge, on the loop's thread: ledger, journal, meters, watches and callers learn of each step, and what
 * could not be done is decided on again.
 */

#include <errno.h>
#include <string.h>

#include "base/crash-point.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/strv.h"
#include "converge.h"
#include "kernel/cgroup.h"
#include "serve/protocol.h"

static const char *parent_name(const Group *group) {
    return group && group->parent ? group->parent->name : NULL;
}

void supervisor_follow(
        Supervisor *s, const char *name, const char *parent, int dir_fd, uint64_t cgroup_id, uint32_t slot) {
    supervisor_drift_follow(s, name, dir_fd);
    int r = sampler_add(s->sampler, name, parent, dir_fd, cgroup_id, slot);
    if (r < 0 && r != -EEXIST)
        log_line(LOG_WARNING, name, "cannot follow the meters of %s: %s", name, strerror(-r));
    s->sampled_usec = 0; /* the sample before has nothing of it */
}

static void follow_made(Supervisor *s, const Step *step) {
    _cleanup_(cleanup_close) int fd = -1;
    CgroupMark mark;
    uint64_t id;
    if (cgroup_open(s->tree.fd, step->path, &fd) == 0 && cgroup_mark_read(fd, &mark) == 0 && cgroup_id(fd, &id) == 0)
        supervisor_follow(s, step->object, parent_name(step->group), fd, id, mark.slot);
    /* else it is gone again: a later plan will tell */
}

static void forget_group(Supervisor *s, const Step *step) {
    ApplyTarget target = supervisor_target(s);
    sampler_remove(s->sampler, step->object);
    apply_release_slot(&target, step);
    if (policy_group(s->policy, step->object))
        return;
    ledger_forget(s->ledger, step->object);
    s->bridge_look_usec = 0; /* its ports are going */
    supervisor_decide_at(s, supervisor_now() + LOOK_AGAIN_USEC);
}

/* A plan that finds the same fault again has nothing to say; a start that fails is an event each time. */
static bool is_known_fault(const Supervisor *s, const Step *step) {
    const LedgerEntry *entry = step->path ? ledger_find(s->ledger, step->object) : NULL;
    return step->kind != STEP_SPAWN && entry && entry->degraded && strcmp(entry->degraded, step_why(step)) == 0;
}

static void log_step(Supervisor *s, const Step *step) {
    char line[STEP_TEXT_MAX];
    step_format(step, line, sizeof line);
    if (step->result == 0) {
        log_line(LOG_DEBUG, step->object, "%s", line);
        ledger_journal(s->ledger, supervisor_now(), step->object, "%s", line);
    } else if (step->result != -ECANCELED && step->result != -EINPROGRESS && step->kind != STEP_EXEC &&
               !is_known_fault(s, step)) {
        log_line(LOG_ERR, step->object, "%s: %s", *step->object ? step->object : "the tree", step_why(step));
        ledger_journal(s->ledger, supervisor_now(), step->object, "failed: %s: %s", line, step_why(step));
    }
}

/* Of its own: not for the failure of one before it. That a session did not come about is for its caller alone. */
static bool has_failed(const Step *step) {
    return step->kind != STEP_EXEC && step->result < 0 && step->result != -EINPROGRESS && step->result != -ECANCELED;
}

/* The first failed step of a group; NULL: all went well. */
static const Step *failed_step(const Plan *plan, const char *object) {
    for (size_t i = 0; i < plan->n_steps; i++) {
        const Step *step = plan->steps + i;
        if (has_failed(step) && step->path && strcmp(step->object, object) == 0)
            return step;
    }
    return NULL;
}

static void settle_degraded(ConvergeJob *job, const Group *group) {
    const Step *failed = failed_step(job->plan, group->name);
    LedgerEntry *entry;
    if (ledger_entry(job->supervisor->ledger, group->name, group->kind, &entry) == 0)
        ledger_entry_set_degraded(entry, failed ? step_why(failed) : NULL);
}

static void start_failed(ConvergeJob *job, const Group *group, const char *why) {
    Supervisor *s = job->supervisor;
    Run *run = supervisor_run_of(s, group->name);
    if (!run || run->state != RUN_STARTING)
        return;
    supervisor_start_failed(s, group->name, why, false);
    if (run->state == RUN_BACKOFF)
        supervisor_decide_at(s, run->next_start_usec);
    supervisor_collect(s, group->name);
}

/* A start that was wished for and did not come about failed in a step, or waits until the group has moved. */
static void settle_start(ConvergeJob *job, const Group *group) {
    const Step *failed = failed_step(job->plan, group->name);
    Run *run = supervisor_run_of(job->supervisor, group->name);
    if (failed)
        start_failed(job, group, step_why(failed));
    else if (run && run->state == RUN_STARTING && run->main_pid == 0)
        run_on_put_off(run);
}

static void settle_groups(ConvergeJob *job) {
    for (size_t i = 0; i < job->policy->n_groups; i++) {
        const Group *group = job->policy->groups[i];
        if (!job_covers(job, group))
            continue;
        settle_degraded(job, group);
        if (job->decision.wishes[i] == WISH_START)
            settle_start(job, group);
        supervisor_drift_settle(job->supervisor, group);
    }
}

static void settle_step(Supervisor *s, const Step *step) {
    crash_point("before a step is settled");
    log_step(s, step);
    if (step->kind == STEP_STOP && step->result == -EINPROGRESS && !supervisor_stop(s, step->object, true))
        supervisor_decide_at(
                s, supervisor_now() + LOOK_AGAIN_USEC); /* killed already, its last processes take their time */
    if (step->result < 0)
        return;
    if (step->kind == STEP_GROUP_CREATE)
        follow_made(s, step);
    else if (step->kind == STEP_GROUP_REMOVE)
        forget_group(s, step);
    else if (step->kind == STEP_LEAF_REMOVE && !step->session)
        supervisor_forget_exit(s, step->object, &step->invocation);
}

static void exec_failed(ConvergeJob *job, const char *error, const char *why) {
    session_failed(job->supervisor, job->only, job->command.session, job->exec_call, error, "%s", why);
}

/* The one session of the job, or why there is none. */
static void settle_exec(ConvergeJob *job, Start *start) {
    const Step *step = job->plan->steps + job->plan->n_steps - 1; /* the last that was added */
    const Step *failed = failed_step(job->plan, job->only) ?: step;
    if (start)
        supervisor_attend(job->supervisor, start, job->exec_call);
    else
        exec_failed(job, CONTROL_ERROR_FAILED, step_why(failed));
    job->command.session = 0;
}

static void settle_starts(ConvergeJob *job) {
    Supervisor *s = job->supervisor;
    for (size_t i = 0; i < job->starts.n; i++) {
        if (job->starts.items[i].session) {
            settle_exec(job, job->starts.items + i);
            continue;
        }
        char name[NAME_LENGTH_MAX + 1];
        strncpy(name, job->starts.items[i].name, sizeof name - 1);
        name[sizeof name - 1] = '\0';
        supervisor_watch(s, job->starts.items + i);
        Run *run = supervisor_run_of(s, name);
        if (run && run->start_wanted_again) /* a restart was asked for meanwhile */
            supervisor_stop(s, name, false);
    }
}

static int plan_lines(const Plan *plan, char ***ret) {
    char line[STEP_TEXT_MAX];
    int r = 0;
    for (size_t i = 0; r >= 0 && i < plan->n_steps; i++)
        r = strv_push(ret, step_report(plan->steps + i, line, sizeof line));
    for (size_t i = 0; r >= 0 && i < plan->n_outdated; i++)
        r = strv_push(ret, outdated_format(plan->outdated[i], line, sizeof line));
    for (size_t i = 0; r >= 0 && i < plan->n_retries; i++)
        r = strv_push(ret, retry_format(plan->retries + i, line, sizeof line));
    return r;
}

/* Each object that is not as the policy says, and why; one that fails more than once has the first reason. */
static int plan_faults(const Plan *plan, char ***ret) {
    const char *last = NULL;
    int r = 0;
    for (size_t i = 0; r >= 0 && i < plan->n_steps; i++) {
        const Step *step = plan->steps + i;
        if (!has_failed(step) || (last && strcmp(last, step->object) == 0))
            continue;
        last = step->object;
        r = strv_push(ret, step->object);
        if (r >= 0)
            r = strv_push(ret, step_why(step));
    }
    return r;
}

/* Who asked for one object has its failure as an error; a reload took the policy all the same, and says of each. */
static void answer_plan(ConvergeJob *job) {
    _cleanup_(cleanup_strv_free) char **lines = NULL, **faults = NULL;
    const Step *failed = job->only ? failed_step(job->plan, job->only) : NULL;
    if (failed)
        api_answer_error(job->call, CONTROL_ERROR_FAILED, "%s", step_why(failed));
    else if (plan_lines(job->plan, &lines) < 0 || plan_faults(job->plan, &faults) < 0)
        api_answer_error(job->call, CONTROL_ERROR_FAILED, "out of memory");
    else if (job->only || job->dry_run)
        api_answer_lines(job->call, lines);
    else
        api_answer_reload(job->call, lines, faults);
}

/* Nothing can be running then, so the simplest way to a new tree is the one that is always taken: to start. */
static void start_over(Supervisor *s) {
    log_error("the tree %s is gone; supervisord must start over", s->tree.path);
    sd_event_exit(s->event, -ESTALE);
}

static void settle_failure(ConvergeJob *job) {
    if (job->command.session && job->result == -ESRCH) {
        exec_failed(job, CONTROL_ERROR_NOT_RUNNING, "it does not run");
        return;
    }
    if (job->command.session)
        exec_failed(job, CONTROL_ERROR_FAILED, strerror(-job->result));
    if (!tree_exists(&job->supervisor->tree))
        start_over(job->supervisor);
    log_error("cannot %s: %s", job->plan ? "apply the plan" : "read back what holds", strerror(-job->result));
    if (job->call)
        api_answer_error(job->call, CONTROL_ERROR_FAILED, "cannot read back what holds: %s", strerror(-job->result));
    if (!job->dry_run)
        supervisor_decide_at(job->supervisor, supervisor_now() + LOOK_AGAIN_USEC);
    for (size_t i = 0; i < job->policy->n_groups && !job->dry_run; i++)
        if (job->decision.wishes[i] == WISH_START && job_covers(job, job->policy->groups[i]))
            start_failed(job, job->policy->groups[i], strerror(-job->result));
}

/* Neither in the policy nor on the node: its start failed before it had a cgroup. */
static void forget_unknown(ConvergeJob *job) {
    Supervisor *s = job->supervisor;
    const Run *run = job->only ? supervisor_run_of(s, job->only) : NULL;
    if (run && job->plan->n_steps == 0 && !run_is_alive(run) && !policy_group(s->policy, job->only) &&
            !policy_group(job->policy, job->only))
        ledger_forget(s->ledger, job->only);
}

/* The kernel clears a namespace, and its port, away some time after its last process. A port may also stay for as long as its
 * workload runs, or for good when it is somebody else's: so each look comes later than the one before. */
static void settle_bridges(ConvergeJob *job) {
    Supervisor *s = job->supervisor;
    if (job->only)
        return; /* its plan has not looked at them */
    if (!job->plan->waits_for_bridge) {
        s->bridge_look_usec = 0;
        return;
    }
    uint64_t later_usec = 2 * s->bridge_look_usec ?: LOOK_AGAIN_USEC;
    s->bridge_look_usec = later_usec < LOOK_AGAIN_USEC_MAX ? later_usec : LOOK_AGAIN_USEC_MAX;
    supervisor_decide_at(s, supervisor_now() + s->bridge_look_usec);
}

static bool has_started_freezer(const Plan *plan) {
    for (size_t i = 0; i < plan->n_steps; i++)
        if (plan->steps[i].kind == STEP_FREEZER_START && plan->steps[i].result >= 0)
            return true;
    return false;
}

static void settle_plan(ConvergeJob *job) {
    settle_starts(job);
    if (job->command.session)
        settle_exec(job, NULL);
    for (size_t i = 0; i < job->plan->n_steps; i++)
        settle_step(job->supervisor, job->plan->steps + i);
    settle_groups(job);
    settle_bridges(job);
    supervisor_freezer_follow(job->supervisor, has_started_freezer(job->plan));
    forget_unknown(job);
}

void converge_settle(ConvergeJob *job) {
    if (job->result < 0)
        settle_failure(job);
    else {
        if (!job->dry_run)
            settle_plan(job);
        if (job->call)
            answer_plan(job);
    }
    if (!job->dry_run)
        supervisor_settle_waiters(job->supervisor);
}
