/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The funnel. Start, reload, exit, back-off and recovery all end here: the governor decides on the loop's thread, the
 * worker observes, plans and applies, and settle.c takes in what came of it, back on the loop's thread.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "converge.h"
#include "kernel/observe.h"
#include "serve/protocol.h"

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

void supervisor_decide_at(Supervisor *s, uint64_t wake_usec) {
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

void supervisor_converge_guests(Supervisor *s, const char *owner) {
    static const Run fresh;
    for (size_t i = 0; i < s->policy->n_groups; i++) {
        const Group *group = s->policy->groups[i];
        const Group *of = group->workload ? group->workload->wiring.owner : NULL;
        if (!of || (owner && strcmp(of->name, owner) != 0))
            continue;
        const Run *run = supervisor_run_of(s, group->name) ?: &fresh;
        if (!run_is_alive(run) && run_wanted(run, group->workload, supervisor_now()))
            supervisor_converge(s, &(Converge){ .only = group->name });
    }
}

static void job_done(Job *base) {
    ConvergeJob *job = (ConvergeJob *) base;
    converge_settle(job);
    if (job->reloading)
        supervisor_tell_ready(job->supervisor);
    if (!job->dry_run) {
        supervisor_converge_guests(job->supervisor, job->only);
        supervisor_tend_soon(job->supervisor);
    }
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
        if (job->decision.wishes[i] == WISH_START && job_covers(job, group) &&
                ledger_entry(s->ledger, group->name, group->kind, &entry) == 0)
            run_on_starting(&entry->run, supervisor_now());
    }
}

static int decide(Supervisor *s, const Policy *policy, Decision *ret) {
    int r = governor_decide(policy, s->ledger, supervisor_now(), ret);
    for (size_t i = 0; r == 0 && s->all_stopped && i < ret->n_groups; i++) {
        ret->wishes[i] = WISH_ABSENT;
        ret->retries_usec[i] = 0;
    }
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
    job->reloading = converge->reloading;
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
        if (converge->reloading)
            supervisor_tell_ready(s);
        if (!converge->dry_run)
            supervisor_decide_at(s, supervisor_now() + LOOK_AGAIN_USEC);
        return;
    }
    if (!job->dry_run)
        mark_starting(s, job); /* the worker reads neither ledger nor runs */
    supervisor_decide_at(s, job->decision.wake_usec);
}
