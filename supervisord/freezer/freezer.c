/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Nothing here decides who is to stand: model/duty does. */

#include "freezer/freezer.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"

enum {
    TURN_ASLEEP_USEC = 500 * 1000,  /* when nobody has used anything in the last one */
    TURN_NOBODY_USEC = 5000 * 1000, /* when nobody has been started; the kernel tells when somebody is */
    REST_MIN_USEC = 5 * 1000,       /* after each pass, whatever changes */
    REST_PER_WORK = 9,              /* by the CPU time that the pass took: so it is no more than a tenth of a CPU */
};

/* At rest we listen to the first only. */
enum { POLL_SIGNAL, POLL_KEEPER, POLLS_AT_REST, POLL_CHANGES = POLLS_AT_REST, POLLS_COUNT };

typedef struct Freezer {
    Census census;
    struct pollfd polls[POLLS_COUNT];
    bool is_unkept;
    uint64_t began_usec; /* of the turn */
    uint64_t next_usec;  /* its length */
    uint64_t rest_until_usec;
} Freezer;

static uint64_t clock_usec(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / NSEC_PER_USEC;
}

static uint64_t now_usec(void) {
    return clock_usec(CLOCK_MONOTONIC);
}

/* Those that we may run on are those that all of a container has. */
static unsigned count_cpus(void) {
    cpu_set_t cpus;
    int n = sched_getaffinity(0, sizeof cpus, &cpus) < 0 ? 1 : CPU_COUNT(&cpus);
    return n > 0 ? (unsigned) n : 1;
}

/* The tree ends when its keeper does and nobody is left in it: we alone must not keep it. -1: it has none. */
static int open_keeper(int tree_fd) {
    char text[64];
    int pid;
    if (file_read_at(tree_fd, ".keeper/cgroup.procs", text, sizeof text) <= 0 || sscanf(text, "%d", &pid) != 1)
        return -1;
    return (int) syscall(SYS_pidfd_open, pid, 0);
}

static void end_turn(Freezer *f, uint64_t now) {
    uint64_t elapsed = now - f->began_usec;
    if (elapsed == 0)
        return;
    bool any = census_measure(&f->census, elapsed);
    if (duty_turn(f->census.duties, f->census.n, count_cpus(), elapsed, &f->next_usec) < 0)
        f->next_usec = DUTY_TURN_QUIET_USEC;
    if (!census_has_leaves(&f->census))
        f->next_usec = f->census.is_blind ? TURN_ASLEEP_USEC : TURN_NOBODY_USEC;
    else if (!any && f->next_usec == DUTY_TURN_QUIET_USEC)
        f->next_usec = TURN_ASLEEP_USEC;
    f->began_usec = now;
}

/* False: it is that time. */
static bool wait_until(Freezer *f, nfds_t n_polls, uint64_t end_usec) {
    uint64_t now = now_usec(), left = end_usec > now ? end_usec - now : 0;
    struct timespec timeout = { .tv_sec = (time_t) (left / USEC_PER_SEC),
        .tv_nsec = (long) (left % USEC_PER_SEC * NSEC_PER_USEC) };
    return ppoll(f->polls, n_polls, &timeout, NULL) != 0;
}

static void wait_for_more(Freezer *f) {
    f->polls[POLL_CHANGES].revents = 0;
    if (!wait_until(f, POLLS_AT_REST, f->rest_until_usec))
        wait_until(f, POLLS_COUNT, f->began_usec + f->next_usec);
}

/* Others make as many changes as they like, and we run before them all. */
static void rest(Freezer *f, uint64_t work_usec) {
    uint64_t usec = REST_PER_WORK * work_usec;
    f->rest_until_usec = now_usec() + (usec > REST_MIN_USEC ? usec : REST_MIN_USEC);
}

/* What was used before a change is of what held before it; what comes of it shows in a short turn. */
static int take_changes(Freezer *f) {
    uint64_t now = now_usec();
    if (f->polls[POLL_CHANGES].revents && now >= f->began_usec + DUTY_TURN_MIN_USEC)
        end_turn(f, now);
    int r = census_update(&f->census, now);
    if (r > 0 && f->next_usec > DUTY_TURN_MIN_USEC)
        f->next_usec = DUTY_TURN_MIN_USEC;
    return r;
}

/* Who comes new into a workload that stands, stands with it. 0: nobody is left. */
static int pass(Freezer *f) {
    int r = take_changes(f);
    if (r < 0 || (f->is_unkept && !census_has_processes(&f->census)))
        return r < 0 ? r : 0;
    uint64_t now = now_usec();
    if (now >= f->began_usec + f->next_usec)
        end_turn(f, now);
    census_enforce(&f->census);
    return 1;
}

static int go_on(Freezer *f) {
    wait_for_more(f);
    if (f->polls[POLL_SIGNAL].revents)
        return 0;
    if (f->polls[POLL_KEEPER].revents) {
        f->is_unkept = true;
        f->polls[POLL_KEEPER].fd = -1;
    }
    uint64_t before = clock_usec(CLOCK_PROCESS_CPUTIME_ID);
    int r = pass(f);
    rest(f, clock_usec(CLOCK_PROCESS_CPUTIME_ID) - before);
    return r;
}

int freezer_run(const Census *census, int signal_fd) {
    int keeper_fd = open_keeper(census->members->dir_fd);
    Freezer f = { .census = *census,
        .polls = { [POLL_SIGNAL] = { .fd = signal_fd, .events = POLLIN },
                [POLL_CHANGES] = { .fd = census->inotify_fd, .events = POLLIN },
                [POLL_KEEPER] = { .fd = keeper_fd, .events = POLLIN } },
        .began_usec = now_usec() };
    int r;
    while ((r = go_on(&f)) > 0)
        ;
    census_close(&f.census);
    close_fd(keeper_fd);
    return r;
}
