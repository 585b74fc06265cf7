/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a worker does when, while it is held up by a first job. */

#include <errno.h>
#include <semaphore.h>
#include <stdbool.h>

#include "kernel/worker.h"
#include "tests/unit/check.h"

typedef struct TestJob {
    Job job; /* first */
    char letter;
} TestJob;

static sem_t begun, gate;
static char worked[8]; /* the worker's, and read when it has been joined */
static size_t n_worked, n_done;

static void work_held(Job *job) {
    sem_post(&begun);
    sem_wait(&gate);
}

static void work(Job *job) {
    if (n_worked < sizeof worked - 1)
        worked[n_worked] = ((TestJob *) job)->letter;
    n_worked++;
}

static void done(Job *job) {
    n_done++;
    free(job);
}

static TestJob *job_new(char letter) {
    TestJob *job = malloc(sizeof *job);

    CHECK(job);
    *job = (TestJob){ .job = { .work = letter ? work : work_held, .done = done }, .letter = letter };
    return job;
}

static Worker *held_worker(void) {
    Worker *worker;

    n_worked = n_done = 0;
    memset(worked, 0, sizeof worked);
    CHECK_EQ(sem_init(&begun, 0, 0), 0);
    CHECK_EQ(sem_init(&gate, 0, 0), 0);
    CHECK_EQ(worker_new(&worker), 0);
    CHECK_EQ(worker_submit(worker, JOB_ORDER, &job_new(0)->job), 0);
    sem_wait(&begun);
    return worker;
}

static void test_orders_first(void) {
    Worker *worker = held_worker();

    CHECK_EQ(worker_submit(worker, JOB_CHORE, &job_new('e')->job), 0);
    CHECK_EQ(worker_submit(worker, JOB_QUESTION, &job_new('c')->job), 0);
    CHECK_EQ(worker_submit(worker, JOB_ORDER, &job_new('a')->job), 0);
    CHECK_EQ(worker_submit(worker, JOB_QUESTION, &job_new('d')->job), 0);
    CHECK_EQ(worker_submit(worker, JOB_ORDER, &job_new('b')->job), 0);
    sem_post(&gate);
    worker_free(worker);
    CHECK_STREQ(worked, "abcde");
    CHECK_EQ(n_done, 6);
}

static void test_no_room_for_questions(void) {
    Worker *worker = held_worker();
    TestJob *surplus = job_new('q');

    for (size_t i = 0; i < WORKER_QUEUE_MAX; i++)
        CHECK_EQ(worker_submit(worker, JOB_QUESTION, &job_new('q')->job), 0);
    CHECK_EQ(worker_submit(worker, JOB_QUESTION, &surplus->job), -EAGAIN);
    CHECK_EQ(worker_submit(worker, JOB_ORDER, &surplus->job), 0);
    sem_post(&gate);
    worker_free(worker);
    CHECK_EQ(n_worked, WORKER_QUEUE_MAX + 1);
}

int main(void) {
    test_orders_first();
    test_no_room_for_questions();
    return EXIT_SUCCESS;
}
