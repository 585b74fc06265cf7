/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The life of a workload: who restarts it, when, and who never does. */

#include <signal.h>

#include "model/run.h"
#include "unit/check.h"

#define SEC UINT64_C(1000000)

static const Invocation invocation = { { 1 } };

static Workload workload_with(RestartPolicy restart) {
    return (Workload){ .life.restart = restart, .life.restart_usec = 1 * SEC, .life.running = true };
}

static Exit exit_code(int code, uint64_t at_usec) {
    return (Exit){ .known = true, .code = code, .at_usec = at_usec };
}

static Exit exit_signal(int number, uint64_t at_usec) {
    return (Exit){ .known = true, .signaled = true, .code = number, .at_usec = at_usec };
}

static void start(Run *run, uint64_t now_usec) {
    run_on_starting(run, now_usec);
    CHECK_EQ(run->state, RUN_STARTING);
    run_on_started(run, &invocation, 3, 4711, now_usec);
    CHECK_EQ(run->state, RUN_STARTING);
    run_on_running(run);
    CHECK_EQ(run->state, RUN_RUNNING);
}

static void test_first_start(void) {
    Workload workload = workload_with(RESTART_NO);
    Run run = {};

    CHECK(run_wanted(&run, &workload, 0) && !run_is_alive(&run));
    start(&run, 5 * SEC);
    CHECK(run_wanted(&run, &workload, 5 * SEC) && run_is_alive(&run));
    CHECK_EQ(run.main_pid, 4711);
    CHECK_EQ(run.leaf, 3);
    CHECK_EQ(run.n_restarts, 0);
    workload.life.running = false;
    CHECK(!run_wanted(&run, &workload, 5 * SEC));
    CHECK(!run_wanted(&run, NULL, 5 * SEC));
    run_done(&run);
}

static void test_who_restarts(void) {
    static const struct {
        RestartPolicy restart;
        Exit exit;
        RunState expected;
    } cases[] = {
        { RESTART_NO, { .known = true }, RUN_EXITED },
        { RESTART_NO, { .known = true, .code = 1 }, RUN_FAILED },
        { RESTART_NO, { .known = false }, RUN_FAILED },
        { RESTART_ON_FAILURE, { .known = true }, RUN_EXITED },
        { RESTART_ON_FAILURE, { .known = true, .code = 1 }, RUN_BACKOFF },
        { RESTART_ON_FAILURE, { .known = false }, RUN_BACKOFF },
        { RESTART_ON_FAILURE, { .known = true, .signaled = true, .code = SIGTERM }, RUN_EXITED },
        { RESTART_ON_FAILURE, { .known = true, .signaled = true, .code = SIGINT }, RUN_EXITED },
        { RESTART_ON_FAILURE, { .known = true, .signaled = true, .code = SIGHUP }, RUN_EXITED },
        { RESTART_ON_FAILURE, { .known = true, .signaled = true, .code = SIGPIPE }, RUN_EXITED },
        { RESTART_ON_FAILURE, { .known = true, .signaled = true, .code = SIGKILL }, RUN_BACKOFF },
        { RESTART_ON_FAILURE, { .known = true, .signaled = true, .code = SIGSEGV }, RUN_BACKOFF },
        { RESTART_ON_FAILURE, { .known = true, .code = SIGTERM }, RUN_BACKOFF },
        { RESTART_ON_SUCCESS, { .known = true }, RUN_BACKOFF },
        { RESTART_ON_SUCCESS, { .known = true, .signaled = true, .code = SIGTERM }, RUN_BACKOFF },
        { RESTART_ON_SUCCESS, { .known = true, .code = 1 }, RUN_FAILED },
        { RESTART_ON_SUCCESS, { .known = false }, RUN_FAILED },
        { RESTART_ON_ABNORMAL, { .known = true }, RUN_EXITED },
        { RESTART_ON_ABNORMAL, { .known = true, .code = 1 }, RUN_FAILED },
        { RESTART_ON_ABNORMAL, { .known = true, .signaled = true, .code = SIGSEGV }, RUN_BACKOFF },
        { RESTART_ON_ABNORMAL, { .known = true, .signaled = true, .code = SIGTERM }, RUN_EXITED },
        { RESTART_ON_ABORT, { .known = true, .signaled = true, .code = SIGABRT }, RUN_BACKOFF },
        { RESTART_ON_ABORT, { .known = true, .code = 1 }, RUN_FAILED },
        { RESTART_ALWAYS, { .known = true }, RUN_BACKOFF },
        { RESTART_ALWAYS, { .known = true, .code = 1 }, RUN_BACKOFF },
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Workload workload = workload_with(cases[i].restart);
        Run run = {};

        start(&run, 0);
        run_on_exit(&run, &workload, &cases[i].exit);
        if (run.state != cases[i].expected)
            CHECK_FAIL("case %zu: %s, expected %s", i, run_state_name(run.state), run_state_name(cases[i].expected));
        CHECK_EQ(run.main_pid, 0);
        CHECK_EQ(run_wanted(&run, &workload, 60 * SEC), run.state == RUN_BACKOFF);
        run_done(&run);
    }
}

static void test_timeouts(void) {
    static const RunState expected[RESTART_POLICIES_COUNT] = {
        [RESTART_NO] = RUN_FAILED,
        [RESTART_ON_SUCCESS] = RUN_FAILED,
        [RESTART_ON_FAILURE] = RUN_BACKOFF,
        [RESTART_ON_ABNORMAL] = RUN_BACKOFF,
        [RESTART_ON_ABORT] = RUN_FAILED,
        [RESTART_ALWAYS] = RUN_BACKOFF,
    };

    for (RestartPolicy restart = 0; restart < RESTART_POLICIES_COUNT; restart++) {
        Workload workload = workload_with(restart);
        Run run = {};

        run_on_starting(&run, 0);
        run_on_start_failed(&run, &workload, strdup("too slow"), true, SEC);
        CHECK_EQ(run.state, expected[restart]);
        run_done(&run);
    }
}

static RunState state_after(const Workload *workload, Exit ended) {
    Run run = {};

    start(&run, 0);
    run_on_exit(&run, workload, &ended);
    RunState state = run.state;
    run_done(&run);
    return state;
}

static void test_exit_sets(void) {
    Workload workload = workload_with(RESTART_ON_FAILURE);

    workload.life.success.codes[75 / 64] = UINT64_C(1) << 75 % 64;
    workload.life.success.signals = UINT64_C(1) << (SIGKILL - 1);
    CHECK_EQ(state_after(&workload, exit_code(75, SEC)), RUN_EXITED);
    CHECK_EQ(state_after(&workload, exit_signal(SIGKILL, SEC)), RUN_EXITED);
    CHECK_EQ(state_after(&workload, exit_code(SIGKILL, SEC)), RUN_BACKOFF);
    CHECK_EQ(state_after(&workload, exit_code(0, SEC)), RUN_EXITED);
    workload.life.restart_prevent.codes[0] = UINT64_C(1) << 1;
    CHECK_EQ(state_after(&workload, exit_code(1, SEC)), RUN_FAILED);
    CHECK_EQ(state_after(&workload, exit_code(2, SEC)), RUN_BACKOFF);
    CHECK_EQ(state_after(&workload, (Exit){ .at_usec = SEC }), RUN_BACKOFF);
    workload.life.restart = RESTART_ALWAYS;
    workload.life.restart_prevent.codes[0] |= 1;
    CHECK_EQ(state_after(&workload, exit_code(0, SEC)), RUN_EXITED);
}

static void test_start_limit(void) {
    Workload workload = workload_with(RESTART_ALWAYS);
    Run run = {};

    workload.life.restart_usec = 10000;
    workload.life.start_limit_interval_usec = 10 * SEC;
    workload.life.start_limit_burst = 3;
    for (unsigned i = 0; i < 3; i++) {
        start(&run, 100 * SEC + i * SEC);
        run_on_exit(&run, &workload, &(Exit){ .known = true, .at_usec = 100 * SEC + i * SEC });
        CHECK_EQ(run.state, i < 2 ? RUN_BACKOFF : RUN_FAILED);
    }
    CHECK_STREQ(run.failure, "start limit hit");
    CHECK(!run_wanted(&run, &workload, 1000 * SEC));

    /* A start by hand begins a new count, and so does the end of the interval. */
    run_on_user_start(&run);
    for (unsigned i = 0; i < 20; i++) {
        start(&run, 200 * SEC + i * 5 * SEC);
        run_on_exit(&run, &workload, &(Exit){ .known = true, .at_usec = 200 * SEC + i * 5 * SEC });
        CHECK_EQ(run.state, RUN_BACKOFF);
    }
    run_done(&run);
}

static uint64_t backoff_after(Run *run, const Workload *workload, uint64_t begin_usec, uint64_t end_usec) {
    start(run, begin_usec);
    run_on_exit(run, workload, &(Exit){ .known = true, .code = 1, .at_usec = end_usec });
    CHECK_EQ(run->state, RUN_BACKOFF);
    CHECK_EQ(run->next_start_usec, end_usec + run->backoff_usec);
    CHECK(!run_wanted(run, workload, run->next_start_usec - 1));
    CHECK(run_wanted(run, workload, run->next_start_usec));
    return run->backoff_usec;
}

static void test_backoff_doubles(void) {
    static const unsigned expected_sec[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
    Workload workload = workload_with(RESTART_ALWAYS);
    uint64_t now = 100 * SEC;
    Run run = {};

    for (size_t i = 0; i < sizeof expected_sec / sizeof expected_sec[0]; i++) {
        CHECK_EQ(backoff_after(&run, &workload, now, now + SEC), expected_sec[i] * SEC);
        CHECK_EQ(run.n_restarts, i);
        now = run.next_start_usec;
    }
    CHECK_EQ(backoff_after(&run, &workload, now, now + RUN_STEADY_USEC), 1 * SEC);
    run_done(&run);
}

static void test_backoff_bounds(void) {
    Workload workload = workload_with(RESTART_ALWAYS);
    Run run = {};

    workload.life.restart_usec = 0;
    uint64_t first_usec = backoff_after(&run, &workload, 0, 0);
    CHECK(first_usec > 0);
    CHECK_EQ(backoff_after(&run, &workload, 0, 0), 2 * first_usec);
    run_on_user_start(&run);

    workload.life.restart_usec = 300 * SEC;
    CHECK_EQ(backoff_after(&run, &workload, 0, 0), 300 * SEC);
    CHECK_EQ(backoff_after(&run, &workload, 0, 0), 300 * SEC);
    run_on_user_start(&run);

    workload.life.restart_usec = UINT64_MAX;
    start(&run, SEC);
    run_on_exit(&run, &workload, &(Exit){ .at_usec = 2 * SEC });
    CHECK(run.next_start_usec == UINT64_MAX && !run_wanted(&run, &workload, 1000000 * SEC));
    run_done(&run);
}

static void test_stop_never_restarts(void) {
    Workload workload = workload_with(RESTART_ALWAYS);
    Exit killed = exit_signal(SIGKILL, 2 * SEC);
    Run run = {};

    start(&run, SEC);
    workload.life.running = false;
    run_on_stopping(&run);
    CHECK(run.state == RUN_STOPPING && run_is_alive(&run));
    run_on_exit(&run, &workload, &killed);
    CHECK_EQ(run.state, RUN_STOPPED);
    CHECK(!run_wanted(&run, &workload, 1000 * SEC));
    CHECK_EQ(run.last_exit.code, SIGKILL);

    /* It ended by itself between the user's word and ours. */
    start(&run, 3 * SEC);
    run_on_exit(&run, &workload, &killed);
    CHECK_EQ(run.state, RUN_STOPPED);

    /* Gone from the policy. */
    start(&run, 4 * SEC);
    run_on_exit(&run, NULL, &killed);
    CHECK_EQ(run.state, RUN_STOPPED);
    run_on_stopping(&run);
    CHECK_EQ(run.state, RUN_STOPPED);

    /* Waiting for the next start. */
    workload = workload_with(RESTART_ALWAYS);
    start(&run, 5 * SEC);
    run_on_exit(&run, &workload, &killed);
    CHECK_EQ(run.state, RUN_BACKOFF);
    run_on_stopping(&run);
    CHECK_EQ(run.state, RUN_STOPPED);
    run_done(&run);
}

static void test_start_failed(void) {
    Workload workload = workload_with(RESTART_ON_FAILURE);
    Run run = {};

    run_on_starting(&run, SEC);
    run_on_start_failed(&run, &workload, strdup("cannot set user 'www': no such user"), false, SEC);
    CHECK_EQ(run.state, RUN_BACKOFF);
    CHECK_EQ(run.next_start_usec, 2 * SEC);
    CHECK_STREQ(run.failure, "cannot set user 'www': no such user");

    run_on_starting(&run, 2 * SEC);
    CHECK_EQ(run.n_restarts, 1);
    CHECK_EQ(run_restarts_with_next(&run), 1);
    CHECK(run.failure);
    run_on_start_failed(&run, &workload, strdup("again"), false, 2 * SEC);
    CHECK_EQ(run.next_start_usec, 4 * SEC);
    CHECK_STREQ(run.failure, "again");

    workload.life.restart = RESTART_NO;
    run_on_starting(&run, 4 * SEC);
    run_on_start_failed(&run, &workload, strdup("for good"), false, 4 * SEC);
    CHECK_EQ(run.state, RUN_FAILED);
    CHECK(!run_wanted(&run, &workload, 1000 * SEC));

    run_on_user_start(&run);
    CHECK_EQ(run.state, RUN_STOPPED);
    CHECK_STREQ(run.failure, NULL);
    CHECK(run_wanted(&run, &workload, 5 * SEC));
    start(&run, 5 * SEC);
    run_done(&run);
}

static void test_user_restart(void) {
    Workload workload = workload_with(RESTART_NO);
    Exit ended = exit_code(3, 3 * SEC);
    Run run = {};

    start(&run, SEC);
    run_on_user_restart(&run);
    CHECK(!run_wanted(&run, &workload, 2 * SEC));
    run_on_stopping(&run);
    run_on_exit(&run, &workload, &ended);
    CHECK(run_wanted(&run, &workload, 3 * SEC));
    start(&run, 3 * SEC);
    CHECK(run_wanted(&run, &workload, 3 * SEC));
    CHECK_EQ(run.n_restarts, 0);

    /* Asked for while a start is under way: that start is let through, then ended. */
    run_on_starting(&run, 4 * SEC);
    run_on_user_restart(&run);
    CHECK(run_wanted(&run, &workload, 4 * SEC));
    run_on_started(&run, &invocation, 4, 4712, 4 * SEC);
    CHECK(!run_wanted(&run, &workload, 4 * SEC));

    /* Start after stop, before it has ended. */
    run_on_stopping(&run);
    run.start_wanted_again = false;
    run_on_user_start(&run);
    CHECK(!run_wanted(&run, &workload, 5 * SEC));
    run_on_exit(&run, &workload, &ended);
    CHECK(run_wanted(&run, &workload, 5 * SEC));

    /* Nothing to end: the same as a start. */
    start(&run, 6 * SEC);
    run_on_exit(&run, &workload, &ended);
    CHECK_EQ(run.state, RUN_FAILED);
    run_on_user_restart(&run);
    CHECK(run_wanted(&run, &workload, 6 * SEC) && !run.start_wanted_again);
    run_done(&run);
}

static void test_words(void) {
    char text[64];
    Exit ended = exit_code(1, 0);

    CHECK_STREQ(exit_show(&ended, text, sizeof text), "exit code 1");
    ended = exit_signal(SIGKILL, 0);
    CHECK_STREQ(exit_show(&ended, text, sizeof text), "signal KILL");
    ended.oom_killed = true;
    CHECK_STREQ(exit_show(&ended, text, sizeof text), "signal KILL, out of memory");
    ended = exit_signal(63, 0);
    CHECK_STREQ(exit_show(&ended, text, sizeof text), "signal 63");
    CHECK_STREQ(exit_show(&(Exit){}, text, sizeof text), "unknown");
    for (RunState state = 0; state < RUN_STATES_COUNT; state++)
        CHECK(*run_state_name(state));
}

int main(void) {
    test_first_start();
    test_who_restarts();
    test_timeouts();
    test_exit_sets();
    test_start_limit();
    test_backoff_doubles();
    test_backoff_bounds();
    test_stop_never_restarts();
    test_start_failed();
    test_user_restart();
    test_words();
    return 0;
}
