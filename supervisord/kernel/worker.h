/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One thread that does blocking work in order, with a bounded queue; finished jobs come back over an eventfd. */

#include "base/cleanup.h"

enum { WORKER_QUEUE_MAX = 4096 }; /* twice what all peers of the control socket may ask for */

typedef struct Worker Worker;
typedef struct Job Job;

/* Embedded as first member by its owner. */
struct Job {
    void (*work)(Job *job); /* on the worker's thread */
    void (*done)(Job *job); /* on the loop's thread, from worker_dispatch(); takes ownership */
    Job *next;              /* worker's */
};

int worker_new(Worker **ret);
/* Finishes what is queued, calls done for all of it, joins. */
Worker *worker_free(Worker *worker);
DEFINE_CLEANUP(Worker *, worker_free);

int worker_fd(const Worker *worker);         /* readable when jobs are done */
int worker_submit(Worker *worker, Job *job); /* -EAGAIN when the queue is full */
void worker_dispatch(Worker *worker);        /* calls done() of finished jobs */
