/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which workloads should have processes, and when the governor wants to be asked again. */

#include "model/governor.h"

#include "base/cleanup.h"
#include "unit/check.h"

enum { SLICE, WEB, BATCH, N_GROUPS };

static Workload web_workload = { .life.running = true }, batch_workload = { .life.running = true };
static Group slice = { .name = (char[]){ "prod" }, .kind = GROUP_SLICE, .index = SLICE };
static Group web = {
    .name = (char[]){ "web" }, .kind = GROUP_WORKLOAD, .parent = &slice, .index = WEB, .workload = &web_workload
};
static Group batch = {
    .name = (char[]){ "batch" }, .kind = GROUP_WORKLOAD, .index = BATCH, .workload = &batch_workload
};
static Policy policy = { .groups = (Group *[]){ &slice, &web, &batch }, .n_groups = N_GROUPS };

static Run *run_of(Ledger *ledger, const char *name) {
    LedgerEntry *entry;

    CHECK_EQ(ledger_entry(ledger, name, GROUP_WORKLOAD, &entry), 0);
    return &entry->run;
}

static void check_decision(
        const Ledger *ledger, uint64_t now_usec, Wish web_wish, Wish batch_wish, uint64_t wake_usec) {
    _cleanup_(decision_done) Decision decision = { 0 };

    CHECK_EQ(governor_decide(&policy, ledger, now_usec, &decision), 0);
    CHECK_EQ(decision.n_groups, N_GROUPS);
    CHECK_EQ(decision.wishes[SLICE], WISH_ABSENT);
    CHECK_EQ(decision.wishes[WEB], web_wish);
    CHECK_EQ(decision.wishes[BATCH], batch_wish);
    CHECK(decision.wake_usec == wake_usec);
}

/* What nothing is known of is to be started. */
static void test_fresh(void) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;

    CHECK_EQ(ledger_new(&ledger), 0);
    check_decision(ledger, 5, WISH_START, WISH_START, UINT64_MAX);
    batch_workload.life.running = false;
    check_decision(ledger, 5, WISH_START, WISH_ABSENT, UINT64_MAX);
    batch_workload.life.running = true;
}

static void test_states(void) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;

    CHECK_EQ(ledger_new(&ledger), 0);
    run_of(ledger, "web")->state = RUN_RUNNING;
    run_of(ledger, "batch")->state = RUN_EXITED;
    check_decision(ledger, 5, WISH_KEEP, WISH_ABSENT, UINT64_MAX);
    web_workload.life.running = false;
    check_decision(ledger, 5, WISH_ABSENT, WISH_ABSENT, UINT64_MAX);
    web_workload.life.running = true;
}

static void test_backoff(void) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;

    CHECK_EQ(ledger_new(&ledger), 0);
    *run_of(ledger, "web") = (Run){ .state = RUN_BACKOFF, .next_start_usec = 100 };
    *run_of(ledger, "batch") = (Run){ .state = RUN_BACKOFF, .next_start_usec = 70 };
    check_decision(ledger, 60, WISH_ABSENT, WISH_ABSENT, 70);
    run_on_found(run_of(ledger, "web"), 4);
    _cleanup_(decision_done) Decision decision = {};
    CHECK_EQ(governor_decide(&policy, ledger, 60, &decision), 0);
    CHECK_EQ(decision.restarts[WEB], 5);
    CHECK_EQ(decision.restarts[BATCH], 1);
    CHECK(decision.retries_usec[WEB] == 40 && decision.retries_usec[BATCH] == 10 && decision.retries_usec[SLICE] == 0);
    check_decision(ledger, 70, WISH_ABSENT, WISH_START, 100);
    check_decision(ledger, 100, WISH_START, WISH_START, UINT64_MAX);
    batch_workload.life.running = false; /* stopped by the user while it waited: no reason to wake up */
    check_decision(ledger, 60, WISH_ABSENT, WISH_ABSENT, 100);
    batch_workload.life.running = true;
}

/* In what stands still nothing starts, and what runs is let be. */
static void test_frozen(void) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;

    CHECK_EQ(ledger_new(&ledger), 0);
    slice.frozen = true;
    check_decision(ledger, 5, WISH_ABSENT, WISH_START, UINT64_MAX);
    run_of(ledger, "web")->state = RUN_RUNNING;
    check_decision(ledger, 5, WISH_KEEP, WISH_START, UINT64_MAX);
    slice.frozen = false;
    batch.frozen = true;
    check_decision(ledger, 5, WISH_KEEP, WISH_ABSENT, UINT64_MAX);
    batch.frozen = false;
}

/* Who shares a network waits for its owner where that is on its way, and only there. */
static void test_shared_network(void) {
    static const struct {
        Run owner;
        bool wanted;
        Wish guest;
    } rows[] = {
        { { .state = RUN_STOPPED }, true, WISH_START }, /* by the same plan, after it */
        { { .state = RUN_STARTING }, true, WISH_ABSENT },
        { { .state = RUN_STARTING, .main_pid = 7 }, true, WISH_ABSENT }, /* it may not be in its namespace yet */
        { { .state = RUN_RUNNING, .main_pid = 7 }, true, WISH_START },
        { { .state = RUN_STOPPING, .main_pid = 7, .start_wanted_again = true }, true, WISH_ABSENT },
        { { .state = RUN_BACKOFF, .next_start_usec = 70 }, true, WISH_ABSENT },
        { { .state = RUN_BACKOFF, .next_start_usec = 60 }, true, WISH_START },
        { { .state = RUN_BACKOFF, .next_start_usec = UINT64_MAX }, true, WISH_START }, /* RestartSec=infinity */
        { { .state = RUN_STOPPING, .main_pid = 7 }, false, WISH_START },
        { { .state = RUN_STOPPED }, false, WISH_START },
        { { .state = RUN_EXITED }, true, WISH_START },
        { { .state = RUN_FAILED }, true, WISH_START },
    };
    batch_workload.wiring.owner = &web;
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;
        _cleanup_(decision_done) Decision decision = {};
        CHECK_EQ(ledger_new(&ledger), 0);
        *run_of(ledger, "web") = rows[i].owner;
        web_workload.life.running = rows[i].wanted;
        CHECK_EQ(governor_decide(&policy, ledger, 60, &decision), 0);
        CHECK_EQ(decision.wishes[BATCH], rows[i].guest);
    }
    web_workload.life.running = true;
    batch_workload.wiring.owner = NULL;
}

int main(void) {
    test_shared_network();
    test_fresh();
    test_frozen();
    test_states();
    test_backoff();
    return EXIT_SUCCESS;
}
