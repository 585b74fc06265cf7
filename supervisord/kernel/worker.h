/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One thread that does blocking work in order, with bounded queues; finished jobs come back over an eventfd. */

#include "base/cleanup.h"

enum { WORKER_QUEUE_MAX = 4096 }; /* of each rank: twice what all peers of the control socket may ask for */

/* Orders go before questions, which anybody may ask as often as they please, and both before what nobody waits for. */
typedef enum JobRank { JOB_ORDER, JOB_QUESTION, JOB_CHORE, JOB_RANKS_COUNT } JobRank;

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

int worker_fd(const Worker *worker); /* readable when jobs are done */
/* -EAGAIN when the queue is full. */
int worker_submit(Worker *worker, JobRank rank, Job *job);
void worker_dispatch(Worker *worker); /* calls done() of finished jobs */
