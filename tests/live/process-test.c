/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Processes that are held: how they end, what they used, how all of them are killed, and how a stranger adopts them. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/cgroup.h"
#include "tests/live/spawn-fixture.h"

static void test_exits(void) {
    static const struct {
        const char *script;
        int code;
        bool signaled;
    } cases[] = {
        { "exit 0", 0, false },
        { "exit 7", 7, false },
        { "kill -SEGV $$", SIGSEGV, true },
        { "kill -HUP $$; exit 1", SIGHUP, true },
        { "kill -PIPE $$; exit 1", SIGPIPE, true },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        Workload workload = SHELL(cases[i].script);
        Launched launched;

        launch(&workload, &launched);
        Exit ended = await(&launched);
        CHECK(ended.known && !ended.oom_killed && ended.at_usec > 0);
        CHECK_EQ(ended.code, cases[i].code);
        CHECK_EQ(ended.signaled, cases[i].signaled);
        finish(&launched);
    }
}

static void test_cpu_time(void) {
    Workload workload = PAYLOAD("burn");
    Launched launched;
    Exit ended;

    launch(&workload, &launched);
    CHECK_EQ(process_reap(&launched.process, &ended), -EAGAIN);
    ended = await(&launched);
    if (ended.cpu_usec < BURN_MSEC * 1000 || ended.cpu_usec > BURN_MSEC * 4000)
        CHECK_FAIL("CPU time of a grandchild that burns %d ms: %" PRIu64 " us", BURN_MSEC, ended.cpu_usec);
    finish(&launched);
}

static void test_signal_and_kill(void) {
    Workload workload = SHELL("exec sleep 100");
    Launched launched;

    launch(&workload, &launched);
    CHECK_EQ(process_signal(&launched.process, SIGTERM), 0);
    CHECK_EQ(await(&launched).code, SIGTERM);
    CHECK_EQ(process_signal(&launched.process, SIGTERM), -ESRCH);
    finish(&launched);
}

/* It has come to do what it is for. */
static void await_children(const Launched *launched) {
    char text[64];
    ssize_t length; /* more than fits is enough */

    while ((length = file_read_at(launched->process.leaf_fd, "cgroup.procs", text, sizeof(text))) >= 0 && length < 24)
        usleep(1000);
}

static void test_storm(void) {
    Workload workload = PAYLOAD("storm");
    Launched launched;

    launch(&workload, &launched);
    await_children(&launched);
    process_signal(&launched.process, SIGTERM);
    CHECK_EQ(process_kill(&launched.process), 0);
    CHECK_EQ(await(&launched).code, SIGKILL);
    CHECK_EQ(cgroup_wait_empty(launched.process.leaf_fd, 5000000), 0);
    finish(&launched);
}

static void test_adopt(void) {
    Workload workload = SHELL("exec sleep 100");
    Launched launched;
    Process adopted;
    uint64_t ticks;
    bool executed = false;
    Exit ended;

    launch(&workload, &launched);
    pid_t pid = launched.process.pid;
    CHECK_EQ(process_start_ticks(pid, &ticks), 0);
    CHECK_EQ(process_adopt(&adopted, pid, ticks + 1, dup(launched.process.leaf_fd), &executed), -ESRCH);
    CHECK_EQ(process_adopt(&adopted, 0, ticks, dup(launched.process.leaf_fd), &executed), -ESRCH);
    CHECK_EQ(process_adopt(&adopted, pid, ticks, dup(launched.process.leaf_fd), &executed), 0);
    CHECK(executed && !adopted.is_child);
    CHECK_EQ(process_reap(&adopted, &ended), -EAGAIN);
    CHECK_EQ(process_kill(&adopted), 0);
    CHECK_EQ(poll(&(struct pollfd){ .fd = adopted.pidfd, .events = POLLIN }, 1, END_TIMEOUT_MSEC), 1);
    CHECK_EQ(process_reap(&adopted, &ended), 0);
    Process zombie;
    CHECK_EQ(process_adopt(&zombie, pid, ticks, dup(launched.process.leaf_fd), &executed), -ESRCH);
    CHECK(!ended.known && ended.at_usec > 0);
    process_done(&adopted);
    await(&launched);
    finish(&launched);
    CHECK_EQ(process_adopt(&adopted, pid, ticks, open("/dev/null", O_RDONLY | O_CLOEXEC), &executed), -ESRCH);
}

/* What the kernel has for PIDFD_INFO_EXIT, as it says itself to one that has been reaped. */
static void test_tell_exit(void) {
    Workload workload = SHELL("exit 7");
    Launched launched;
    Exit told = {};

    launch(&workload, &launched);
    int pidfd = dup(launched.process.pidfd);
    CHECK_EQ(await(&launched).code, 7);
    finish(&launched);
    CHECK_EQ(process_tell_exit(pidfd, &told) == 0, process_can_tell_exits());
    CHECK(!told.known || (told.code == 7 && !told.signaled));
    close(pidfd);
    check_no_children();
}

int main(int argc, char *argv[]) {
    fixture_begin(argc, argv);
    fixture_untidy();
    test_exits();
    test_cpu_time();
    test_signal_and_kill();
    test_storm();
    test_adopt();
    test_tell_exit();
    return 0;
}
