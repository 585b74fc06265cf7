/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The past: what is written is read back, a life goes on after it as without it, and only what fits is believed. */

#include <errno.h>

#include "model/past.h"
#include "unit/check.h"

#define ID "00112233445566778899aabbccddeeff"

static void check_round_trip(const char *text) {
    char again[PAST_TEXT_MAX];
    Run run = {};

    CHECK_EQ(past_parse(text, &run), 0);
    past_format(&run, again);
    CHECK_STREQ(again, text);
    run_done(&run);
}

static void test_round_trip(void) {
    Run run = {};

    check_round_trip("v=1 state=stopped");
    check_round_trip("v=1 state=exited invocation=" ID " exit=0 ended=5 at=5");
    check_round_trip("v=1 state=failed invocation=" ID " signal=9 oom=1 ended=18446744073709551615 at=5 failure=a b=c");
    check_round_trip("v=1 state=backoff invocation=" ID " oom=1 backoff=1 next=2 begin=3 starts=4");

    CHECK_EQ(past_parse("v=1 state=failed signal=9 oom=1 at=7 color=red failure=start limit hit", &run), 0);
    CHECK(run.state == RUN_FAILED && run.last_exit.known && run.last_exit.signaled && run.last_exit.oom_killed);
    CHECK_EQ(run.last_exit.code, 9);
    CHECK_STREQ(run.failure, "start limit hit");
    CHECK_EQ(past_parse("v=1 state=failed", &run), 0);
    CHECK(!run.failure && !run.last_exit.known);
    run_done(&run);
}

static void test_refused(void) {
    static const char *const texts[] = { "", "v=2 state=failed", "v=1 state=running", "v=1 state=", "v=1 state",
        "v=1 state=failed exit=256", "v=1 exit=1 signal=9", "v=1 oom=2", "v=1 invocation=1", "v=1 starts=-1", "v=1 " };
    char longest[PAST_TEXT_MAX + 1];
    Run run = { .limit_starts = 7 };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (past_parse(texts[i], &run) != -EBADMSG)
            CHECK_FAIL("'%s' is believed", texts[i]);
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CHECK_EQ(past_parse(longest, &run), -EBADMSG);
    CHECK_EQ(run.limit_starts, 7);
}

static void test_long_failure(void) {
    char failure[4096], text[PAST_TEXT_MAX];
    Run run = { .state = RUN_FAILED, .failure = failure }, again = {};

    memset(failure, '\n', sizeof failure - 1);
    failure[sizeof failure - 1] = '\0';
    past_format(&run, text);
    CHECK_EQ(past_parse(text, &again), 0);
    CHECK(strspn(again.failure, " ") == strlen(again.failure) && *again.failure);
    run_done(&again);

    for (size_t i = 1; i + 2 < sizeof failure; i += 2) /* wherever it is cut but at odd lengths, that is amid one */
        memcpy(failure + i, "\u00fc", 2);
    again = (Run){};
    past_format(&run, text);
    CHECK_EQ(past_parse(text, &again), 0);
    CHECK_STREQ(again.failure + strlen(again.failure) - 2, "\u00fc");
    run_done(&again);
}

/* A daemon for each end: the start limit is hit at the same start as with one. */
static void test_limit_survives(void) {
    Workload workload = { .life = { .running = true,
                                  .restart = RESTART_ALWAYS,
                                  .restart_usec = 20000,
                                  .start_limit_burst = 3,
                                  .start_limit_interval_usec = 60000000 } };
    uint64_t now_usec = 1000000, backoff_usec = 0;

    char text[PAST_TEXT_MAX] = "v=1 state=stopped";
    for (int start = 1; start <= 3; start++) {
        Run run = {};
        CHECK_EQ(past_parse(text, &run), 0);
        run_on_started(&run, &(Invocation){ { 1 } }, 1, 4711, now_usec);
        run_on_exit(&run, &workload, &(Exit){ .known = true, .code = 1, .at_usec = now_usec + 1 });
        CHECK_EQ(run.state, start < 3 ? RUN_BACKOFF : RUN_FAILED);
        CHECK(run.backoff_usec > backoff_usec);
        backoff_usec = run.backoff_usec;
        now_usec = run.next_start_usec;
        past_format(&run, text);
        run_done(&run);
    }
}

int main(void) {
    test_round_trip();
    test_refused();
    test_long_failure();
    test_limit_survives();
    return 0;
}
