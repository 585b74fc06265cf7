/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Holding, ending and reaping. A process is known by its pidfd; its pid is only a number to show. Whatever is needed to
 * end it is open from the start, because ending must work when nothing else does.
 */

#include "kernel/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/proc.h"
#include "kernel/cgroup.h"

enum {
    STAT_BYTES_MAX = 1024, /* of /proc/PID/stat: 52 numbers and a name of 64 bytes at most */
    STAT_FLAGS_FIELD = 9,
    STAT_START_FIELD = 22,
    FLAG_FORKED_NOT_EXECUTED = 0x40, /* the kernel's PF_FORKNOEXEC */
};

uint64_t process_oom_kills(int leaf_fd) {
    uint64_t kills = 0;

    cgroup_flat_u64(leaf_fd, "../memory.events", "oom_kill", &kills);
    return kills;
}

bool process_is_oom_hit(const Process *process) {
    return process_oom_kills(process->leaf_fd) > process->oom_kills_before;
}

/* All but what was killed before. */
static int hold(Process *process, pid_t pid, int pidfd, int leaf_fd, bool is_child) {
    int kill_fd = openat(leaf_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);

    if (kill_fd < 0) {
        int r = -errno;

        close_fd(pidfd);
        close_fd(leaf_fd);
        return r;
    }
    *process = (Process){
        .pid = pid,
        .pidfd = pidfd,
        .leaf_fd = leaf_fd,
        .kill_fd = kill_fd,
        .is_child = is_child,
    };
    return 0;
}

int process_hold(Process *process, pid_t pid, int pidfd, int leaf_fd, bool is_child) {
    int r = hold(process, pid, pidfd, leaf_fd, is_child);

    if (r == 0)
        process->oom_kills_before = process_oom_kills(leaf_fd);
    return r;
}

static int read_stat(pid_t pid, uint64_t *ret_start_ticks, bool *ret_executed) {
    char path[sizeof "/proc//stat" + 10], stat[STAT_BYTES_MAX];
    uint64_t flags;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    ssize_t n = file_read_at(AT_FDCWD, path, stat, sizeof stat);
    if (n < 0)
        return n == -ENOENT ? -ESRCH : (int) n;
    int r = proc_stat_field(stat, STAT_FLAGS_FIELD, &flags);
    if (r == 0)
        r = proc_stat_field(stat, STAT_START_FIELD, ret_start_ticks);
    if (r == 0)
        *ret_executed = !(flags & FLAG_FORKED_NOT_EXECUTED);
    return r;
}

int process_start_ticks(pid_t pid, uint64_t *ret) {
    bool executed;

    return read_stat(pid, ret, &executed);
}

int process_has_executed(pid_t pid, bool *ret) {
    uint64_t ticks;

    return read_stat(pid, &ticks, ret);
}

/* 0 once it has ended; somebody else reaps it, and how it ended is for them alone. */
static int await_other(int pidfd) {
    int n = poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, 0);

    if (n < 0)
        return -errno;
    return n > 0 ? 0 : -EAGAIN;
}

/*
 * Alive still after the look at its start time: so what was looked at is what the pidfd holds, and not a later bearer
 * of the pid.
 */
static int verify_start(pid_t pid, int pidfd, uint64_t start_ticks, bool *executed) {
    uint64_t ticks;
    int r = read_stat(pid, &ticks, executed);

    if (r == 0 && ticks != start_ticks)
        r = -ESRCH;
    if (r == 0 && await_other(pidfd) != -EAGAIN) /* a zombie, too, has ended */
        r = -ESRCH;
    return r;
}

int process_adopt(Process *process, pid_t pid, uint64_t start_ticks, int leaf_fd, bool *ret_executed) {
    _cleanup_(cleanup_close) int leaf = leaf_fd, pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;

    if (pidfd < 0)
        return pid > 0 ? -errno : -ESRCH;
    bool executed;
    int r = verify_start(pid, pidfd, start_ticks, &executed);
    if (r == 0)
        r = hold(process, pid, TAKE_FD(pidfd), TAKE_FD(leaf), false);
    if (r == 0)
        *ret_executed = executed;
    return r;
}

void process_done(Process *process) {
    close_fd(process->pidfd);
    close_fd(process->leaf_fd);
    close_fd(process->kill_fd);
    *process = (Process) PROCESS_NULL;
}

int process_signal(const Process *process, int signal) {
    return pidfd_send_signal(process->pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int process_kill(const Process *process) {
    return write(process->kill_fd, "1", 1) < 0 ? -errno : 0;
}

static uint64_t timeval_usec(const struct timeval *time) {
    return (uint64_t) time->tv_sec * USEC_PER_SEC + (uint64_t) time->tv_usec;
}

/* The system call, because only it also tells what the child and its own reaped children used. */
static int reap_child(int pidfd, Exit *exit) {
    struct rusage usage;
    siginfo_t info = {};

    if (syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | WNOHANG, &usage) < 0)
        return -errno;
    if (info.si_pid == 0)
        return -EAGAIN;
    exit->known = true;
    exit->code = info.si_status;
    exit->signaled = info.si_code != CLD_EXITED;
    exit->cpu_usec = timeval_usec(&usage.ru_utime) + timeval_usec(&usage.ru_stime);
    return 0;
}

/* What <linux/pidfd.h> has since 6.13; the exit since 6.15. */
struct pidfd_information {
    uint64_t mask, cgroup_id;
    uint32_t ids[11];
    int32_t exit_code;
    uint32_t reserved[2];
};
#define PIDFD_GET_INFORMATION _IOWR(0xff, 11, struct pidfd_information)
#define PIDFD_INFORMATION_EXIT (UINT64_C(1) << 3)

int process_tell_exit(int pidfd, Exit *exit) {
    struct pidfd_information information = { .mask = PIDFD_INFORMATION_EXIT };

    static_assert(sizeof information == 72, "the kernel tells the layout by its size");
    if (ioctl(pidfd, PIDFD_GET_INFORMATION, &information) < 0)
        return -ENODATA;
    if (!(information.mask & PIDFD_INFORMATION_EXIT))
        return -EAGAIN;
    exit_set_status(exit, information.exit_code);
    return 0;
}

bool process_can_tell_exits(void) {
    Exit exit = {};
    pid_t pid = vfork();

    if (pid == 0)
        _exit(EXIT_SUCCESS);
    _cleanup_(cleanup_close) int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pid > 0)
        TEMP_FAILURE_RETRY(waitpid(pid, NULL, 0));
    return pidfd >= 0 && process_tell_exit(pidfd, &exit) == 0;
}

int process_reap(Process *process, Exit *ret) {
    Exit exit = {};
    struct timespec now;
    int r = process->is_child ? reap_child(process->pidfd, &exit) : await_other(process->pidfd);

    if (r < 0)
        return r;
    clock_gettime(CLOCK_MONOTONIC, &now);
    exit.at_usec = (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / NSEC_PER_USEC;
    exit.oom_killed = process_is_oom_hit(process);
    *ret = exit;
    return 0;
}
