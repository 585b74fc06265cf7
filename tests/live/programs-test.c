/* SPDX-License-Identifier: GPL-2.0-or-later */

/* CPU time, run-queue wait and exits as our eBPF programs see them, against getrusage, schedstat and waitpid. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/live/programs-fixture.h"

#define SPIN_NSEC (2 * NSEC_PER_SEC)

/* CPU time and run-queue wait: two spinners on one CPU. */

static uint64_t wait_nsec_of(pid_t pid) {
    char path[64], text[128] = "";
    uint64_t ran, waited;

    snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
    _cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    CHECK_EQ(sscanf(text, "%" SCNu64 " %" SCNu64, &ran, &waited), 2);
    return waited;
}

static uint64_t usage_nsec(const struct rusage *usage) {
    return (uint64_t) (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * NSEC_PER_SEC +
           (uint64_t) (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000;
}

static uint64_t own_usage_nsec(void) {
    struct rusage usage;

    CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    return usage_nsec(&usage);
}

/* What a spinner says at its end. */
typedef struct Report {
    uint64_t used_before_nsec; /* before it joined the cgroup, which itself is work, for either */
    uint64_t used_joined_nsec; /* and after */
    uint64_t waited_before_nsec, waited_joined_nsec;
} Report;

/* Joins and reports with an empty Report; spins, once the gate is closed, and reports again. */
static pid_t spin(int cgroup_fd, int report_fd, const int gate[2]) {
    pid_t pid = fork();
    cpu_set_t cpu;
    uint64_t end;
    Report report = {};
    char byte;

    CHECK(pid >= 0);
    if (pid > 0)
        return pid;
    close(gate[1]);
    CPU_ZERO(&cpu);
    CPU_SET(0, &cpu);
    uint64_t used_nsec = own_usage_nsec(), waited_nsec = wait_nsec_of(getpid());
    join(cgroup_fd);
    uint64_t waited_joined_nsec = wait_nsec_of(getpid());
    CHECK_EQ(sched_setaffinity(0, sizeof(cpu), &cpu), 0); /* joining may have reset it (6.1) */
    CHECK_EQ(write(report_fd, &report, sizeof(report)), (ssize_t) sizeof(report));
    CHECK_EQ(read(gate[0], &byte, 1), 0);
    report = (Report){ used_nsec, own_usage_nsec(), waited_nsec, waited_joined_nsec };
    for (end = now_nsec() + SPIN_NSEC; now_nsec() < end;)
        ;
    CHECK_EQ(write(report_fd, &report, sizeof(report)), (ssize_t) sizeof(report));
    _exit(0);
}

/* Of its whole life, what it waited, too, which the kernel tells until it is reaped. */
static uint64_t rusage_nsec(pid_t pid, uint64_t *ret_waited_nsec) {
    struct rusage usage;
    siginfo_t info;
    int status;

    CHECK_EQ(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
    *ret_waited_nsec = wait_nsec_of(pid);
    CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
    CHECK_EQ(status, 0);
    return usage_nsec(&usage);
}

/* Both are of the process's whole life. */
static void check_spinner(
        Programs *programs, const Workload *w, uint64_t used_nsec, uint64_t waited_nsec, const Report *report) {
    struct slot counts = read_slot(programs, w->slot);
    uint64_t joining_nsec = report->used_joined_nsec - report->used_before_nsec;
    double joining_percent = 100.0 * (double) joining_nsec / (double) used_nsec;
    uint64_t joining_wait_nsec = report->waited_joined_nsec - report->waited_before_nsec;
    double joining_wait_percent = 100.0 * (double) joining_wait_nsec / (double) waited_nsec;
    struct cgroup_counters counters;

    CHECK_EQ(programs_read_cgroup(programs, w->slot, &counters), 0);
    CHECK_NEAR(counters.cpu_usage_nsec, used_nsec - report->used_joined_nsec, 0.5 + joining_percent);
    CHECK_EQ(counters.cpu_user_nsec + counters.cpu_system_nsec, counters.cpu_usage_nsec);
    CHECK_NEAR(counts.wait_nsec, waited_nsec - report->waited_joined_nsec, 5 + joining_wait_percent);
    CHECK_EQ(histogram_sum((const uint64_t *) counts.wait_histogram), counts.waits);
}

static void test_cpu(Programs *programs) {
    Workload a = make_workload(programs, "cpu-a"), b = make_workload(programs, "cpu-b");
    uint64_t used[2], waited[2], nested_id;
    Report reports[2];
    int nested_fd = make_cgroup(b.leaf_fd, "nested", &nested_id); /* as a workload might, unknown to us */
    int pipes[2][2], gate[2];
    pid_t pids[2];

    CHECK_EQ(pipe2(gate, O_CLOEXEC), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(pipe2(pipes[i], O_CLOEXEC), 0);
        pids[i] = spin(i == 0 ? a.leaf_fd : nested_fd, pipes[i][1], gate);
    }
    for (int i = 0; i < 2; i++)
        CHECK_EQ(read(pipes[i][0], &reports[i], sizeof(reports[i])), (ssize_t) sizeof(reports[i]));
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(read(pipes[i][0], &reports[i], sizeof(reports[i])), (ssize_t) sizeof(reports[i]));
        used[i] = rusage_nsec(pids[i], &waited[i]);
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    CHECK_EQ(programs_refresh(programs), 0);
    check_spinner(programs, &a, used[0], waited[0], &reports[0]);
    check_spinner(programs, &b, used[1], waited[1], &reports[1]);
    close(nested_fd);
    CHECK_EQ(unlinkat(b.leaf_fd, "nested", AT_REMOVEDIR), 0);
    remove_workload(programs, &a, "cpu-a");
    remove_workload(programs, &b, "cpu-b");
    CHECK_EQ(programs_refresh(programs), 0);
    struct cgroup_counters gone;
    CHECK_EQ(programs_read_cgroup(programs, a.slot, &gone), -ENODATA);
}

/* What the kernel counts, against its files. */

/* The number of a cgroup file: all of it, or what follows the key. */
static uint64_t file_number(int dir_fd, const char *name, const char *key) {
    _cleanup_(cleanup_close) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    char text[4096] = "\n", *line = text + 1;

    if (fd < 0)
        return COUNTER_ABSENT;
    CHECK(read(fd, text + 1, sizeof(text) - 2) > 0);
    if (key && (line = strstr(text, key)))
        line += strlen(key);
    return line ? strtoull(line, NULL, 10) : COUNTER_ABSENT;
}

static void check_counter(const char *name, uint64_t actual, uint64_t expected, uint64_t most_off) {
    printf("%-28s %20" PRIu64 "  expected %20" PRIu64 "\n", name, actual, expected);
    if ((actual > expected ? actual - expected : expected - actual) > most_off)
        CHECK_FAIL("%s is off", name);
}

static void check_memory(const struct cgroup_counters *c, int fd) {
    const uint64_t slack = 64 * 4096; /* CPUs give back what they had taken ahead when they like */

    check_counter("memory_usage", c->memory_usage_bytes, file_number(fd, "memory.current", NULL), slack);
    check_counter("memory_swap", c->memory_swap_bytes, file_number(fd, "memory.swap.current", NULL), 0);
    check_counter("memory_peak", c->memory_peak_bytes, file_number(fd, "memory.peak", NULL), slack);
    check_counter("memory_high_events", c->memory_high_events, file_number(fd, "memory.events", "\nhigh "), 0);
    check_counter("memory_max_events", c->memory_max_events, file_number(fd, "memory.events", "\nmax "), 0);
    check_counter("memory_oom_kills", c->memory_oom_kills, file_number(fd, "memory.events", "\noom_kill "), 0);
}

/* Only newer kernels tell our programs. */
static void check_memory_state(const struct cgroup_counters *c, int fd) {
    if (c->memory_anon_bytes == COUNTER_ABSENT)
        return;
    check_counter("memory_anon", c->memory_anon_bytes, file_number(fd, "memory.stat", "\nanon "), 0);
    check_counter("memory_file", c->memory_file_bytes, file_number(fd, "memory.stat", "\nfile "), 0);
}

static void check_pressure(const struct cgroup_counters *c, int fd) {
    uint64_t usec = file_number(fd, "cpu.pressure", "\nsome ");

    if (usec == COUNTER_ABSENT || c->cpu_pressure_some_nsec == COUNTER_ABSENT)
        return;
    usec = file_number(fd, "cpu.pressure", "total=");
    check_counter("cpu_pressure_some", c->cpu_pressure_some_nsec / 1000, usec, 200000);
}

static void check_counters(Programs *programs, const Workload *w) {
    struct cgroup_counters c;
    int fd = w->owner_fd;

    CHECK_EQ(programs_refresh(programs), 0);
    CHECK_EQ(programs_read_cgroup(programs, w->slot, &c), 0);
    check_counter("cpu_usage", c.cpu_usage_nsec / 1000, file_number(fd, "cpu.stat", "\nusage_usec "), 0);
    check_counter("cpu_user", c.cpu_user_nsec / 1000, file_number(fd, "cpu.stat", "\nuser_usec "), 5);
    check_counter("cpu_system", c.cpu_system_nsec / 1000, file_number(fd, "cpu.stat", "\nsystem_usec "), 5);
    check_counter("cpu_periods", c.cpu_periods, file_number(fd, "cpu.stat", "\nnr_periods "), 1);
    check_counter("cpu_throttled_periods", c.cpu_throttled_periods, file_number(fd, "cpu.stat", "\nnr_throttled "), 1);
    if (c.cpu_throttled_nsec != COUNTER_ABSENT)
        check_counter(
                "cpu_throttled", c.cpu_throttled_nsec / 1000, file_number(fd, "cpu.stat", "\nthrottled_usec "), 100000);
    check_counter("tasks", c.tasks, file_number(fd, "pids.current", NULL), 0);
    check_memory(&c, fd);
    check_memory_state(&c, fd);
    check_pressure(&c, fd);
}

/* A hog of memory that is throttled to a fifth of a CPU, stopped by SIGSTOP so that nothing moves while we read. */
static void test_counters(Programs *programs) {
    Workload w = make_workload(programs, "counters");
    int report[2];
    pid_t pid;
    char byte;

    if (faccessat(w.owner_fd, "cpu.max", W_OK, 0) == 0)
        write_file(w.owner_fd, "cpu.max", "20000 100000");
    CHECK_EQ(pipe2(report, O_CLOEXEC), 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        join(w.leaf_fd);
        char *memory = malloc(8 * MIB);
        memset(memory, 1, 8 * MIB);
        for (uint64_t end = now_nsec() + NSEC_PER_SEC; now_nsec() < end;)
            ;
        CHECK_EQ(write(report[1], memory, 1), 1);
        raise(SIGSTOP);
        _exit(0);
    }
    CHECK_EQ(read(report[0], &byte, 1), 1);
    usleep(2500000); /* the kernel sums up pressure every 2 s */
    check_counters(programs, &w);
    CHECK_EQ(kill(pid, SIGCONT), 0);
    CHECK_EQ(wait_for(pid), 0);
    close(report[0]);
    close(report[1]);
    remove_workload(programs, &w, "counters");
}

/* Exits. */

static void *exit_group_later(void *unused) {
    usleep(50000);
    _exit(9);
}

static void *end_later(void *unused) {
    usleep(50000);
    syscall(SYS_exit, 6);
    return NULL;
}

static void leader_leaves_first(void *(*other)(void *) ) {
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, other, NULL), 0);
    syscall(SYS_exit, 5);
}

static void do_exit(int how) {
    switch (how) {
    case 0:
        _exit(7);
    case 1:
        raise(SIGKILL);
        break;
    case 2:
        leader_leaves_first(exit_group_later);
        break;
    case 3:
        leader_leaves_first(end_later);
        break;
    case 4:
        execl("/bin/sh", "sh", "-c", "exit 3", NULL);
        break;
    case 5:
        signal(SIGABRT, SIG_DFL);
        abort();
    }
    _exit(99);
}

static unsigned n_swept;

static bool is_swept(const uint8_t invocation[static INVOCATION_SIZE], const void *wanted) {
    n_swept += memcmp(invocation, wanted, INVOCATION_SIZE) == 0;
    return false;
}

static void check_exit(Programs *programs, int how, uint64_t ticks_off) {
    uint8_t invocation[INVOCATION_SIZE] = { 0xab, (uint8_t) how, (uint8_t) ticks_off };
    uint64_t before = now_nsec(), ticks;
    struct exit_record record;
    int gate[2], status;
    pid_t pid;
    char byte;

    CHECK_EQ(pipe2(gate, O_CLOEXEC), 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(gate[1]);
        CHECK_EQ(read(gate[0], &byte, 1), 0);
        do_exit(how);
    }
    ticks = start_ticks(pid);
    CHECK_EQ(programs_exit_register(programs, pid, ticks + ticks_off, invocation), 0);
    CHECK_EQ(programs_exit_read(programs, invocation, &record), -ENOENT);
    close(gate[0]);
    close(gate[1]);
    status = wait_for(pid);
    if (ticks_off) { /* what is registered is another process of this pid, and stays so */
        CHECK_EQ(programs_exit_read(programs, invocation, &record), -ENOENT);
        programs_exits_sweep(programs, is_swept, invocation);
        CHECK_EQ(n_swept, 1);
        return;
    }
    CHECK_EQ(programs_exit_read(programs, invocation, &record), 0);
    printf("exit %d: status %#x, waitpid says %#x\n", how, (unsigned) record.status, (unsigned) status);
    CHECK_EQ(record.status, status);
    CHECK_EQ(record.pid, pid);
    CHECK_EQ(record.start_ticks, ticks);
    CHECK(record.exit_nsec > before && record.exit_nsec < now_nsec());
    CHECK_EQ(record.oom_killed, 0);
    CHECK_EQ(programs_exit_forget(programs, pid, invocation), 0);
    CHECK_EQ(programs_exit_read(programs, invocation, &record), -ENOENT);
}

/* More memory than the workload may have. */
static void test_oom(Programs *programs) {
    uint8_t invocation[INVOCATION_SIZE] = { 0x00, 0x3e };
    Workload w = make_workload(programs, "oom");
    struct exit_record record;
    int gate[2];
    pid_t pid;
    char byte;

    write_file(w.owner_fd, "memory.max", "16M");
    write_file(w.owner_fd, "memory.swap.max", "0");
    CHECK_EQ(pipe2(gate, O_CLOEXEC), 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        join(w.leaf_fd);
        close(gate[1]);
        CHECK_EQ(read(gate[0], &byte, 1), 0);
        char *memory = malloc(64 * MIB);
        memset(memory, 1, 64 * MIB);
        _exit(memory[MIB]); /* which shows the compiler that it is needed */
    }
    CHECK_EQ(programs_exit_register(programs, pid, start_ticks(pid), invocation), 0);
    close(gate[0]);
    close(gate[1]);
    CHECK_EQ(wait_for(pid), SIGKILL);
    CHECK_EQ(programs_exit_read(programs, invocation, &record), 0);
    CHECK_EQ(record.status, SIGKILL);
    CHECK_EQ(record.oom_killed, 1);
    printf("exit by the OOM killer: seen\n");
    remove_workload(programs, &w, "oom");
}

static void test_exits(Programs *programs) {
    uint64_t lost;

    for (int how = 0; how < 6; how++)
        check_exit(programs, how, 0);
    check_exit(programs, 0, 1);
    CHECK_EQ(programs_exits_lost(programs, &lost), 0);
    CHECK_EQ(lost, 0);
    if (tree_has("memory"))
        test_oom(programs);
}
static void test(void) {
    Programs *programs = open_programs(false);

    check_states(programs);
    test_cpu(programs);
    test_counters(programs);
    test_exits(programs);
    programs_close(programs);
    unpin();
    programs = open_programs(true); /* the same where there is no cgroup storage */
    check_states(programs);
    test_cpu(programs);
    programs_close(programs);
}

int main(int argc, char *argv[]) {
    return run_in_fixture(argc, argv, test);
}
