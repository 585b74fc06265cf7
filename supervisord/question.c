/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Questions whose answers must be read from the node, which may block: asked on the worker's thread, answered on the loop's. */

#include <errno.h>
#include <string.h>

#include "kernel/inspect.h"
#include "kernel/probe.h"
#include "serve/protocol.h"
#include "supervisor.h"

typedef struct QuestionJob {
    Job job; /* first */
    Supervisor *supervisor;
    Policy *policy;
    char *name;
    ApiCall *call;
    int result;
    LimitReport limits[LIMITS_COUNT];
    ProbeRow rows[PROBE_ROWS_MAX];
    size_t n_rows;
} QuestionJob;

static void question_free(QuestionJob *job) {
    policy_unref(job->policy);
    free(job->name);
    free(job);
}

static void ask(Supervisor *s, const char *name, ApiCall *call, void (*work)(Job *), void (*done)(Job *)) {
    QuestionJob *job = calloc(1, sizeof *job);
    int r = job ? 0 : -ENOMEM;
    if (r == 0) {
        *job = (QuestionJob){
            .job = { .work = work, .done = done }, .supervisor = s, .policy = policy_ref(s->policy), .call = call
        };
        if (name && !(job->name = strdup(name)))
            r = -ENOMEM;
        if (r == 0)
            r = worker_submit(s->worker, &job->job);
        if (r < 0)
            question_free(job);
    }
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
    ApiLimitRow rows[LIMITS_COUNT];
    if (job->result < 0)
        api_answer_error(job->call, CONTROL_ERROR_FAILED, "cannot read back what holds: %s", strerror(-job->result));
    else {
        for (size_t i = 0; i < LIMITS_COUNT; i++) {
            rows[i] = (ApiLimitRow){ .key = limits[i].key, .bitten = job->limits[i].bitten };
            memcpy(rows[i].set, job->limits[i].set, sizeof rows[i].set);
            memcpy(rows[i].written, job->limits[i].written, sizeof rows[i].written);
            memcpy(rows[i].effective, job->limits[i].effective, sizeof rows[i].effective);
        }
        api_answer_limits(job->call, job->name, rows, LIMITS_COUNT);
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

void supervisor_answer_show(Supervisor *s, const char *name, ApiCall *call) {
    supervisor_sample(s);
    if (!policy_group(s->policy, name))
        api_answer_error(call, CONTROL_ERROR_NO_SUCH, "no such slice or workload");
    else
        ask(s, name, call, show_work, show_done);
}

void supervisor_answer_check(Supervisor *s, ApiCall *call) {
    ask(s, NULL, call, check_work, check_done);
}
