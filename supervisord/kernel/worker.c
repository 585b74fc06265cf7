/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * memory.max, cpuset moves, veths and rmdir may all block for milliseconds to seconds; the event loop must not. So one
 * thread does them, in the order they were asked for, which is also what makes a plan's steps safe against each other. What
 * only asks comes when nothing else is to be done.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "kernel/worker.h"

typedef struct Queue {
    Job *first, *last;
    size_t length;
} Queue;

struct Worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wakeup;
    Queue waiting[JOB_RANKS_COUNT], finished;
    bool stopping;
    int event_fd;
};

static void queue_push(Queue *queue, Job *job) {
    job->next = NULL;
    if (queue->last)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
    queue->length++;
}

static Job *queue_pop(Queue *queue) {
    Job *job = queue->first;
    if (!job)
        return NULL;
    queue->first = job->next;
    if (!queue->first)
        queue->last = NULL;
    queue->length--;
    return job;
}

static Job *pop_waiting(Worker *worker) {
    Job *job = NULL;
    for (JobRank rank = 0; !job && rank < JOB_RANKS_COUNT; rank++)
        job = queue_pop(&worker->waiting[rank]);
    return job;
}

/* NULL: stopping, and nothing is left to do. */
static Job *next_job(Worker *worker) {
    Job *job;
    pthread_mutex_lock(&worker->lock);
    while (!(job = pop_waiting(worker)) && !worker->stopping)
        pthread_cond_wait(&worker->wakeup, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
    return job;
}

static void *worker_main(void *userdata) {
    Worker *worker = userdata;
    for (Job *job; (job = next_job(worker));) {
        job->work(job);
        pthread_mutex_lock(&worker->lock);
        queue_push(&worker->finished, job);
        pthread_mutex_unlock(&worker->lock);
        eventfd_write(worker->event_fd, 1);
    }
    return NULL;
}

/* Signals belong to the loop's thread. */
static int start_thread(Worker *worker) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = -pthread_create(&worker->thread, NULL, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

int worker_new(Worker **ret) {
    Worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return -ENOMEM;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->wakeup, NULL);

    int r = 0;
    worker->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->event_fd < 0)
        r = -errno;
    else
        r = start_thread(worker);
    if (r < 0) {
        close_fd(worker->event_fd);
        free(worker);
        return r;
    }
    *ret = worker;
    return 0;
}

Worker *worker_free(Worker *worker) {
    if (!worker)
        return NULL;
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_signal(&worker->wakeup);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    worker_dispatch(worker);
    close_fd(worker->event_fd);
    pthread_cond_destroy(&worker->wakeup);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
    return NULL;
}

int worker_fd(const Worker *worker) {
    return worker->event_fd;
}

int worker_submit(Worker *worker, JobRank rank, Job *job) {
    Queue *waiting = &worker->waiting[rank];
    int r = 0;
    pthread_mutex_lock(&worker->lock);
    if (waiting->length >= WORKER_QUEUE_MAX || worker->stopping)
        r = -EAGAIN;
    else
        queue_push(waiting, job);
    pthread_cond_signal(&worker->wakeup);
    pthread_mutex_unlock(&worker->lock);
    return r;
}

void worker_dispatch(Worker *worker) {
    eventfd_t value;
    eventfd_read(worker->event_fd, &value);
    for (;;) {
        pthread_mutex_lock(&worker->lock);
        Job *job = queue_pop(&worker->finished);
        pthread_mutex_unlock(&worker->lock);
        if (!job)
            return;
        job->done(job);
    }
}
