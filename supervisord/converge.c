/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The funnel. Start, reload, exit, back-off and recovery all end here: the governor decides on the loop's thread, the
 * worker observes, plans and applies, and what came of it is told to ledger, watches and callers, back on the loop's
 * thread.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "base/strv.h"
#include "kernel/cgroup.h"
#include "kernel/observe.h"
#include "serve/protocol.h"
#include "supervisor.h"

/*
 * What could not be done now is tried once more: the kernel takes a veth away some time after its namespace's last process
 * (only then can a bridge that is gone go), killed processes may take their time, and the worker may be busy.
 */
#define LOOK_AGAIN_USEC USEC_PER_SEC

typedef struct ConvergeJob {
    Job job; /* first */
    Supervisor *supervisor;
    Policy *policy;
    Decision decision;
    char *only;
    bool dry_run;
    ApiCall *call;
    ApplyStdio stdio;
    bool has_stdio;
    SessionCommand command;
    ApiCall *exec_call; /* NULL: there is no command, or nobody waits for it at the socket */
    /* what came of it */
    int result;
    Plan *plan;
    Starts starts;
} ConvergeJob;

static void job_free(ConvergeJob *job) {
    if (job->has_stdio)
        for (int i = 0; i < 3; i++)
            close_fd(job->stdio.fds[i]);
    plan_free(job->plan);
    starts_done(&job->starts);
    decision_done(&job->decision);
    session_command_done(&job->command);
    policy_unref(job->policy);
    free(job->only);
    free(job);
}

/* --- on the worker's thread -------------------------------------------------------------------------------------- */

static void job_work(Job *base) {
    ConvergeJob *job = (ConvergeJob *) base;
    Supervisor *s = job->supervisor;
    Node node = {};
    job->result = observe(&s->tree, s->links, s->programs, job->policy, job->only, &node);
    if (job->result < 0)
        return;
    job->result = plan_build(job->policy, &job->decision, &node, job->only, &job->plan);
    if (job->result == 0 && job->command.session)
        job->result = plan_add_exec(job->plan, &node, job->only, job->command.session, &job->command.workload);
    node_done(&node);
    if (job->result < 0 || job->dry_run)
        return;
    ApplyTarget target = supervisor_target(s);
    job->result = apply(&target, job->plan, job->has_stdio ? &job->stdio : NULL, &job->starts);
}

/* --- looking again ------------------------------------------------------------------------------------------------ */

static int on_decide(sd_event_source *source, uint64_t usec, void *userdata) {
    supervisor_converge(userdata, &(Converge){});
    return 0;
}

static void arm_decide(Supervisor *s, uint64_t wake_usec) {
    if (wake_usec == UINT64_MAX)
        return;
    uint64_t armed = UINT64_MAX;
    int enabled = SD_EVENT_OFF;
    if (s->decide_source && sd_event_source_get_enabled(s->decide_source, &enabled) >= 0 && enabled != SD_EVENT_OFF)
        sd_event_source_get_time(s->decide_source, &armed);
    if (armed <= wake_usec)
        return;
    sd_event_source_disable_unref(s->decide_source);
    s->decide_source = NULL;
    if (sd_event_add_time(s->event, &s->decide_source, CLOCK_MONOTONIC, wake_usec, 0, on_decide, s) >= 0)
        sd_event_source_set_description(s->decide_source, "decide");
}

/* --- what came of it --------------------------------------------------------------------------------------------- */

static const char *parent_name(const Group *group) {
    return group && group->parent ? group->parent->name : NULL;
}

void supervisor_follow(Supervisor *s, const char *name, const char *parent, const char *path) {
    _cleanup_(cleanup_close) int fd = -1;
    CgroupMark mark;
    uint64_t id;
    if (cgroup_open(s->tree.fd, path, &fd) < 0 || cgroup_mark_read(fd, &mark) < 0 || cgroup_id(fd, &id) < 0)
        return; /* gone again: a later plan will tell */
    supervisor_drift_follow(s, name, fd);
    int r = sampler_add(s->sampler, name, parent, fd, id, mark.slot);
    if (r < 0 && r != -EEXIST)
        log_line(LOG_WARNING, name, "cannot follow the meters of %s: %s", name, strerror(-r));
}

static void forget_group(Supervisor *s, const Step *step) {
    ApplyTarget target = supervisor_target(s);
    sampler_remove(s->sampler, step->object);
    apply_release_slot(&target, step);
    if (policy_group(s->policy, step->object))
        return;
    ledger_forget(s->ledger, step->object);
    arm_decide(s, supervisor_now() + LOOK_AGAIN_USEC);
}

/* A plan that finds the same fault again has nothing to say; a start that fails is an event each time. */
static bool is_known_fault(const Supervisor *s, const Step *step) {
    const LedgerEntry *entry = step->path ? ledger_find(s->ledger, step->object) : NULL;
    return step->kind != STEP_SPAWN && entry && entry->degraded &&
           strcmp(entry->degraded, step->message ?: strerror(-step->result)) == 0;
}

static void log_step(Supervisor *s, const Step *step) {
    char line[STEP_TEXT_MAX];
    step_report(step, line, sizeof line);
    if (step->result == 0) {
        log_line(LOG_DEBUG, step->object, "%s", line);
        ledger_journal(s->ledger, supervisor_now(), step->object, "%s", line);
    } else if (step->result != -ECANCELED && step->result != -EINPROGRESS && step->kind != STEP_EXEC &&
               !is_known_fault(s, step)) {
        log_line(LOG_ERR, step->object, "%s: %s", *step->object ? step->object : "the tree",
                step->message ? step->message : strerror(-step->result));
        ledger_journal(s->ledger, supervisor_now(), step->object, "failed: %s: %s", line,
                step->message ? step->message : strerror(-step->result));
    }
}

/* The first failed step of a group; NULL: all went well. That a session did not come about is for its caller alone. */
static const Step *failed_step(const Plan *plan, const char *object) {
    for (size_t i = 0; i < plan->n_steps; i++) {
        const Step *step = plan->steps + i;
        if (step->kind != STEP_EXEC && step->result < 0 && step->result != -EINPROGRESS && step->result != -ECANCELED &&
                step->path && strcmp(step->object, object) == 0)
            return step;
    }
    return NULL;
}

static void settle_degraded(ConvergeJob *job, const Group *group) {
    const Step *failed = failed_step(job->plan, group->name);
    LedgerEntry *entry;
    if (ledger_entry(job->supervisor->ledger, group->name, group->kind, &entry) == 0)
        ledger_entry_set_degraded(entry, failed ? failed->message ? failed->message : strerror(-failed->result) : NULL);
}

static void start_failed(ConvergeJob *job, const Group *group, const char *why) {
    Supervisor *s = job->supervisor;
    Run *run = supervisor_run_of(s, group->name);
    if (!run || run->state != RUN_STARTING)
        return;
    supervisor_start_failed(s, group->name, why, false);
    if (run->state == RUN_BACKOFF)
        arm_decide(s, run->next_start_usec);
    supervisor_collect(s, group->name);
}

/* A start that was wished for and did not come about failed in a step, or waits until the group has moved. */
static void settle_start(ConvergeJob *job, const Group *group) {
    const Step *failed = failed_step(job->plan, group->name);
    Run *run = supervisor_run_of(job->supervisor, group->name);
    if (failed)
        start_failed(job, group, failed->message ? failed->message : strerror(-failed->result));
    else if (run && run->state == RUN_STARTING && run->main_pid == 0)
        run_on_put_off(run);
}

static bool in_scope(const ConvergeJob *job, const Group *group) {
    return !job->only || strcmp(job->only, group->name) == 0;
}

static void settle_groups(ConvergeJob *job) {
    for (size_t i = 0; i < job->policy->n_groups; i++) {
        const Group *group = job->policy->groups[i];
        if (!in_scope(job, group))
            continue;
        settle_degraded(job, group);
        if (job->decision.wishes[i] == WISH_START)
            settle_start(job, group);
        supervisor_drift_settle(job->supervisor, group);
    }
}

static void settle_step(Supervisor *s, const Step *step) {
    log_step(s, step);
    if (step->kind == STEP_STOP && step->result == -EINPROGRESS && !supervisor_stop(s, step->object, true))
        arm_decide(s, supervisor_now() + LOOK_AGAIN_USEC); /* killed already, its last processes take their time */
    if (step->result < 0)
        return;
    if (step->kind == STEP_GROUP_CREATE)
        supervisor_follow(s, step->object, parent_name(step->group), step->path);
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
        exec_failed(job, CONTROL_ERROR_FAILED, failed->message ?: strerror(-failed->result));
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

static void answer_plan(ConvergeJob *job) {
    const Step *failed = job->only ? failed_step(job->plan, job->only) : NULL;
    if (failed) {
        api_answer_error(job->call, CONTROL_ERROR_FAILED, "%s", failed->message ?: strerror(-failed->result));
        return;
    }
    char **lines = NULL, line[STEP_TEXT_MAX];
    for (size_t i = 0; i < job->plan->n_steps; i++)
        if (strv_push(&lines, step_report(job->plan->steps + i, line, sizeof line)) < 0)
            break;
    for (size_t i = 0; i < job->plan->n_outdated; i++)
        if (strv_push(&lines, outdated_format(job->plan->outdated[i], line, sizeof line)) < 0)
            break;
    api_answer_lines(job->call, lines);
    strv_free(lines);
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
        arm_decide(job->supervisor, supervisor_now() + LOOK_AGAIN_USEC);
    for (size_t i = 0; i < job->policy->n_groups && !job->dry_run; i++)
        if (job->decision.wishes[i] == WISH_START && in_scope(job, job->policy->groups[i]))
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

static void job_done(Job *base) {
    ConvergeJob *job = (ConvergeJob *) base;
    Supervisor *s = job->supervisor;
    if (job->result < 0)
        settle_failure(job);
    else {
        if (!job->dry_run) {
            settle_starts(job);
            if (job->command.session)
                settle_exec(job, NULL);
            for (size_t i = 0; i < job->plan->n_steps; i++)
                settle_step(s, job->plan->steps + i);
            settle_groups(job);
            forget_unknown(job);
        }
        if (job->call)
            answer_plan(job);
    }
    if (!job->dry_run)
        supervisor_settle_waiters(s);
    job_free(job);
}

/* --- asking for it ----------------------------------------------------------------------------------------------- */

static int take_stdio(ConvergeJob *job, const ApplyStdio *stdio) {
    if (!stdio)
        return 0;
    job->stdio = (ApplyStdio){ .workload = job->only, .fds = { -1, -1, -1 } };
    job->has_stdio = true;
    for (int i = 0; i < 3; i++) {
        job->stdio.fds[i] = fcntl(stdio->fds[i], F_DUPFD_CLOEXEC, 3);
        if (job->stdio.fds[i] < 0)
            return -errno;
    }
    return 0;
}

/* From now on these are on their way: no other job may start them. */
static void mark_starting(Supervisor *s, const ConvergeJob *job) {
    for (size_t i = 0; i < job->policy->n_groups; i++) {
        const Group *group = job->policy->groups[i];
        LedgerEntry *entry;
        if (job->decision.wishes[i] == WISH_START && in_scope(job, group) &&
                ledger_entry(s->ledger, group->name, group->kind, &entry) == 0)
            run_on_starting(&entry->run, supervisor_now());
    }
}

static int decide(Supervisor *s, const Policy *policy, Decision *ret) {
    int r = governor_decide(policy, s->ledger, supervisor_now(), ret);
    for (size_t i = 0; r == 0 && s->all_stopped && i < ret->n_groups; i++)
        ret->wishes[i] = WISH_ABSENT;
    return r;
}

static int job_new(Supervisor *s, const Converge *converge, ConvergeJob **ret) {
    ConvergeJob *job = calloc(1, sizeof *job);
    if (!job)
        return -ENOMEM;
    job->job = (Job){ .work = job_work, .done = job_done };
    job->supervisor = s;
    job->policy = policy_ref(converge->policy ?: s->policy);
    job->dry_run = converge->dry_run;
    job->call = converge->call;
    job->exec_call = converge->exec_call;
    int r = decide(s, job->policy, &job->decision);
    if (r == 0 && (converge->repair || converge->dry_run))
        memset(job->decision.left_alone, 0, job->decision.n_groups * sizeof *job->decision.left_alone);
    if (r == 0 && converge->only && !(job->only = strdup(converge->only)))
        r = -ENOMEM;
    if (r == 0)
        r = take_stdio(job, converge->stdio);
    if (r == 0 && converge->exec)
        r = session_command_new(policy_group(job->policy, job->only), converge->exec, &job->command);
    if (r < 0)
        job_free(job);
    else
        *ret = job;
    return r;
}

void supervisor_converge(Supervisor *s, const Converge *converge) {
    ConvergeJob *job = NULL;
    int r = job_new(s, converge, &job);
    if (r == 0)
        r = worker_submit(s->worker, job->dry_run ? JOB_QUESTION : JOB_ORDER, &job->job);
    if (r < 0) {
        if (job)
            job_free(job);
        log_error("cannot plan: %s", strerror(-r));
        const char *error = r == -EAGAIN ? CONTROL_ERROR_BUSY : CONTROL_ERROR_FAILED;
        if (converge->call)
            api_answer_error(converge->call, error, "cannot plan: %s", strerror(-r));
        if (converge->exec)
            session_failed(s, converge->only, converge->exec->session, converge->exec_call, error, "cannot plan: %s",
                    strerror(-r));
        if (!converge->dry_run)
            arm_decide(s, supervisor_now() + LOOK_AGAIN_USEC);
        return;
    }
    if (!job->dry_run)
        mark_starting(s, job); /* the worker reads neither ledger nor runs */
    arm_decide(s, job->decision.wake_usec);
}
