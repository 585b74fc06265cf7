/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The daemon's side of a start. The barrier is a socket pair: a byte lets the child go on. The report is a pipe that closes
 * at exec; nobody waits for it here, because commands of ExecStartPre= may take their time. The child holds its reading
 * end too: a daemon that comes back takes a copy of it, and learns by the same event what the one before it would have.
 */

#include "kernel/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/strv.h"
#include "kernel/process.h"
#include "kernel/spawn-child.h"
#include "kernel/spawn-setup.h"

enum { END_TIMEOUT_MSEC = 1000 }; /* for a killed child; what hangs longer in the kernel is left unreaped */

struct Spawned {
    SpawnSetup setup;
    pid_t pid; /* 0: not yet */
    int pidfd;
    int barrier_fd;
    int report_fd;
    uint64_t start_ticks;
};

/* --- clone ------------------------------------------------------------------------------------------------------ */

/* Sandboxes that filter system calls often forbid clone3. Learnt at the first refusal. */
static atomic_bool clone_into_refused;

static pid_t clone_into(int leaf_fd, int *pidfd) {
    struct clone_args arguments = {
        .flags = CLONE_INTO_CGROUP | CLONE_PIDFD,
        .pidfd = (uintptr_t) pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t) leaf_fd,
    };

    if (clone_into_refused)
        return -1;
    pid_t pid = (pid_t) syscall(SYS_clone3, &arguments, sizeof arguments);
    clone_into_refused = pid < 0 && (errno == ENOSYS || errno == EINVAL || errno == EPERM);
    return pid;
}

static int move_into(int leaf_fd, pid_t pid) {
    char text[16];

    snprintf(text, sizeof text, "%d", pid);
    return file_write_at(leaf_fd, "cgroup.procs", text);
}

/* What clone_into() gives in one step. */
static int follow_up_fork(Spawned *spawned, int leaf_fd) {
    spawned->pidfd = pidfd_open(spawned->pid, 0);
    return spawned->pidfd < 0 ? -errno : move_into(leaf_fd, spawned->pid);
}

static int make_child(Spawned *spawned, int leaf_fd) {
    sigset_t all, before;

    /* The child must not run the daemon's signal functions before it has put them off. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = clone_into(leaf_fd, &spawned->pidfd);
    bool forked = pid < 0 && clone_into_refused;
    if (forked)
        pid = fork();
    if (pid == 0)
        child_run(&spawned->setup.child);
    int r = pid < 0 ? -errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r < 0)
        return r;
    spawned->pid = pid;
    return forked ? follow_up_fork(spawned, leaf_fd) : 0;
}

/* --- the parent's handle ---------------------------------------------------------------------------------------- */

static void end_child(const Spawned *spawned) {
    kill(spawned->pid, SIGKILL); /* our child and not reaped, so the pid is still its own */
    if (spawned->pidfd < 0)
        waitpid(spawned->pid, NULL, 0);
    else if (poll(&(struct pollfd){ .fd = spawned->pidfd, .events = POLLIN }, 1, END_TIMEOUT_MSEC) > 0)
        waitid(P_PIDFD, (id_t) spawned->pidfd, &(siginfo_t){}, WEXITED | WNOHANG);
}

static Spawned *spawned_free(Spawned *spawned) {
    close_fd(spawned->pidfd);
    close_fd(spawned->barrier_fd);
    close_fd(spawned->report_fd);
    spawn_setup_done(&spawned->setup);
    free(spawned);
    return NULL;
}

Spawned *spawn_abandon(Spawned *spawned) {
    if (!spawned)
        return NULL;
    spawned->barrier_fd = close_fd(spawned->barrier_fd);
    if (spawned->pid > 0)
        end_child(spawned);
    return spawned_free(spawned);
}

static int begin(Spawned *spawned, int leaf_fd, char **ret_message) {
    ChildSetup *child = &spawned->setup.child;
    int fds[2];

    if (pipe2(child->report_fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    spawned->report_fd = child->report_fds[0];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
        int r = -errno;
        close_fd(child->report_fds[1]);
        return r;
    }
    spawned->barrier_fd = child->parent_fd = fds[0];
    child->barrier_fd = fds[1];
    int r = make_child(spawned, leaf_fd);
    close_fd(fds[1]);
    close_fd(child->report_fds[1]);
    if (r < 0)
        text_printf(ret_message, "cannot create a process in its cgroup: %s", strerror(-r));
    return r < 0 ? r : process_start_ticks(spawned->pid, &spawned->start_ticks);
}

int spawn_begin(const SpawnSpec *spec, Spawned **ret, char **ret_message) {
    _cleanup_(cleanup_spawn_abandon) Spawned *spawned = malloc(sizeof *spawned);

    if (!spawned)
        return -ENOMEM;
    *spawned = (Spawned){ .setup = SPAWN_SETUP_NULL, .pidfd = -1, .barrier_fd = -1, .report_fd = -1 };
    int r = spawn_setup(&spawned->setup, spec, ret_message);
    if (r == 0)
        r = begin(spawned, spec->leaf_fd, ret_message);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(spawned);
    return 0;
}

pid_t spawned_pid(const Spawned *spawned) {
    return spawned->pid;
}

int spawned_pidfd(const Spawned *spawned) {
    return spawned->pidfd;
}

uint64_t spawned_start_ticks(const Spawned *spawned) {
    return spawned->start_ticks;
}

int spawned_report(const Spawned *spawned) {
    return spawned->report_fd;
}

void spawn_release(Spawned *spawned, int *ret_report_fd) {
    /* Fails only when the child is dead already, which its report and its exit tell. */
    send(spawned->barrier_fd, "", 1, MSG_NOSIGNAL);
    *ret_report_fd = TAKE_FD(spawned->report_fd);
    spawned_free(spawned);
}

/* --- the report ------------------------------------------------------------------------------------------------- */

int spawn_report_read(int report_fd, char **ret_message) {
    char buffer[1 + sizeof(ChildFailure)];
    ssize_t n = TEMP_FAILURE_RETRY(read(report_fd, buffer, sizeof buffer));
    ChildFailure failure;

    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    bool executed = n > 0 && (size_t) n != sizeof failure && *buffer == CHILD_EXECUTES;
    if (n == executed)
        return executed;
    if ((size_t) n != executed + sizeof failure)
        return -EBADMSG;
    memcpy(&failure, buffer + executed, sizeof failure);
    int r = child_failure_format(&failure, ret_message);
    return r < 0 ? r : failure.error ? -failure.error : -ECHILD;
}

/* The descriptor is the report only as long as the child has not exec'ed: that is looked at afterwards. */
int spawn_report_adopt(pid_t pid, int pidfd, int number, int *ret_report_fd) {
    _cleanup_(cleanup_close) int report_fd = pidfd_getfd(pidfd, number, 0);
    if (report_fd < 0)
        return errno == EBADF ? -ESRCH : -errno;
    bool executed;
    int r = process_has_executed(pid, &executed);
    if (r == 0 && executed)
        r = -ESRCH;
    if (r < 0)
        return r;
    *ret_report_fd = TAKE_FD(report_fd);
    return 0;
}
