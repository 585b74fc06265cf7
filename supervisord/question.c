/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Questions whose answers must be read from the node, which may block: asked on the worker's thread, answered on the loop's. */

#include <errno.h>
#include <string.h>

#include "kernel/group-signal.h"
#include "kernel/inspect.h"
#include "kernel/probe.h"
#include "serve/protocol.h"
#include "supervisor.h"

enum { CGROUP_PATH_MAX = 4096 };

typedef struct Question {
    void (*work)(Job *job);
    void (*done)(Job *job);
    const char *name; /* what it is about; NULL: the node */
    JobRank rank;
    int signal;
} Question;

typedef struct QuestionJob {
    Job job; /* first */
    Supervisor *supervisor;
    Policy *policy;
    char *name;
    ApiCall *call;
    int result;
    LimitReport limits[LIMIT_REPORTS];
    ProbeRow rows[PROBE_ROWS_MAX];
    size_t n_rows;
    int signal;
} QuestionJob;

static void question_free(QuestionJob *job) {
    policy_unref(job->policy);
    free(job->name);
    free(job);
}

static int submit(Supervisor *s, const Question *question, ApiCall *call) {
    QuestionJob *job = calloc(1, sizeof *job);
    if (!job)
        return -ENOMEM;
    job->job = (Job){ .work = question->work, .done = question->done };
    job->supervisor = s;
    job->policy = policy_ref(s->policy);
    job->call = call;
    job->signal = question->signal;
    int r = question->name && !(job->name = strdup(question->name)) ? -ENOMEM : 0;
    if (r == 0)
        r = worker_submit(s->worker, question->rank, &job->job);
    if (r < 0)
        question_free(job);
    return r;
}

static void ask(Supervisor *s, const Question *question, ApiCall *call) {
    int r = submit(s, question, call);
    if (r < 0)
        api_answer_error(call, r == -EAGAIN ? CONTROL_ERROR_BUSY : CONTROL_ERROR_FAILED, "%s", strerror(-r));
}

static void show_work(Job *base) {
    QuestionJob *job = (QuestionJob *) base;
    ApplyTarget target = supervisor_target(job->supervisor);
    job->result = inspect_limits(&target, job->policy, job->name, job->limits);
}

static void show_done(Job *base) {
    QuestionJob *job = (QuestionJob *) base;
    ApiLimitRow rows[LIMIT_REPORTS];
    if (job->result < 0)
        api_answer_error(job->call, CONTROL_ERROR_FAILED, "cannot read back what holds: %s", strerror(-job->result));
    else {
        for (size_t i = 0; i < LIMIT_REPORTS; i++) {
            rows[i] = (ApiLimitRow){ .key = job->limits[i].key, .bitten = job->limits[i].bitten };
            memcpy(rows[i].set, job->limits[i].set, sizeof rows[i].set);
            memcpy(rows[i].written, job->limits[i].written, sizeof rows[i].written);
            memcpy(rows[i].effective, job->limits[i].effective, sizeof rows[i].effective);
        }
        api_answer_limits(job->call, job->name, rows, LIMIT_REPORTS);
    }
    question_free(job);
}

static void check_work(Job *base) {
    QuestionJob *job = (QuestionJob *) base;
    job->n_rows = probe(&job->supervisor->tree, job->supervisor->programs, job->rows);
}

static void check_done(Job *base) {
    QuestionJob *job = (QuestionJob *) base;
    ApiCheckRow rows[PROBE_ROWS_MAX];
    for (size_t i = 0; i < job->n_rows; i++)
        rows[i] = (ApiCheckRow){ job->rows[i].share, job->rows[i].mechanism, probe_state_name(job->rows[i].state),
            job->rows[i].why, job->rows[i].cure };
    api_answer_check(job->call, rows, job->n_rows);
    question_free(job);
}

static void kill_work(Job *base) {
    QuestionJob *job = (QuestionJob *) base;
    char path[CGROUP_PATH_MAX];
    job->result = group_path(policy_group(job->policy, job->name), path, sizeof path);
    if (job->result == 0)
        job->result = group_signal(&job->supervisor->tree, path, job->signal);
}

static void answer_signaled(ApiCall *call, const char *name, int r) {
    if (r == -ESRCH)
        api_answer_error(call, CONTROL_ERROR_NOT_RUNNING, "%s does not run", name);
    else if (r < 0)
        api_answer_error(call, CONTROL_ERROR_FAILED, "cannot signal %s: %s", name, strerror(-r));
    else
        api_answer(call);
}

static void kill_done(Job *base) {
    QuestionJob *job = (QuestionJob *) base;
    answer_signaled(job->call, job->name, job->result);
    question_free(job);
}

void supervisor_answer_show(Supervisor *s, const char *name, ApiCall *call) {
    supervisor_sample(s);
    ask(s, &(Question){ .work = show_work, .done = show_done, .rank = JOB_QUESTION, .name = name }, call);
}

void supervisor_answer_check(Supervisor *s, ApiCall *call) {
    ask(s, &(Question){ .work = check_work, .done = check_done, .rank = JOB_QUESTION }, call);
}

void supervisor_answer_kill(Supervisor *s, const ApiKill *order, ApiCall *call) {
    if (order->session)
        answer_signaled(call, order->name, supervisor_signal_session(s, order->name, order->session, order->signal));
    else if (order->all)
        ask(s,
                &(Question){ .work = kill_work,
                        .done = kill_done,
                        .rank = JOB_ORDER,
                        .name = order->name,
                        .signal = order->signal },
                call);
    else
        answer_signaled(call, order->name, supervisor_signal(s, order->name, order->signal));
}
