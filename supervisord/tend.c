/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is made ready while nobody waits: the pool of network namespaces. A plan never waits for more than the one that is
 * being made, and a row of starts not even for that.
 */

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "supervisor.h"

/* How long nothing was planned. */
#define IDLE_USEC (20 * USEC_PER_MSEC)

typedef struct TendJob {
    Job job; /* first */
    Supervisor *supervisor;
    Policy *policy;
    int result;
} TendJob;

static void tend_work(Job *base) {
    TendJob *job = (TendJob *) base;
    job->result = pool_tend(job->supervisor->pool, job->policy);
}

static void tend_done(Job *base);

static int submit(Supervisor *s) {
    TendJob *job = calloc(1, sizeof *job);
    if (!job)
        return -ENOMEM;
    *job = (TendJob){
        .job = { .work = tend_work, .done = tend_done }, .supervisor = s, .policy = policy_ref(s->policy)
    };
    int r = worker_submit(s->worker, JOB_CHORE, &job->job);
    if (r < 0) {
        policy_unref(job->policy);
        free(job);
    }
    return r;
}

/* One after another, so that orders come between. What cannot be made now is tried again after the next plan. */
static void tend_done(Job *base) {
    TendJob *job = (TendJob *) base;
    if (job->result > 0)
        submit(job->supervisor);
    else if (job->result < 0)
        log_debug("cannot make a network namespace ready: %s", strerror(-job->result));
    policy_unref(job->policy);
    free(job);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
    submit(userdata);
    return 0;
}

void supervisor_tend_soon(Supervisor *s) {
    uint64_t at_usec = supervisor_now() + IDLE_USEC;
    if (s->tend_source) {
        sd_event_source_set_time(s->tend_source, at_usec);
        sd_event_source_set_enabled(s->tend_source, SD_EVENT_ONESHOT);
    } else if (sd_event_add_time(s->event, &s->tend_source, CLOCK_MONOTONIC, at_usec, IDLE_USEC, on_idle, s) >= 0)
        sd_event_source_set_description(s->tend_source, "tend");
}
