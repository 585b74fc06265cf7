/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The daemon's side of a start. One socket pair is both barrier and report: a byte down lets the child go on, a
 * ChildFailure up says why it could not, and its end says that it has become the payload. A child that is killed on the
 * way looks like one that went on and ended at once, which is how its exit then reads.
 */

#include "kernel/spawn.h"

#include <errno.h>
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

enum {
    SPAWN_TIMEOUT_MSEC = 30000, /* a FIFO without reader, a dead network file system: the worker must come back */
    END_TIMEOUT_MSEC = 1000,    /* for a killed child; what hangs longer in the kernel is left unreaped */
};

struct Spawned {
    SpawnSetup setup;
    pid_t pid; /* 0: not yet */
    int pidfd;
    int channel_fd;
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
    close_fd(spawned->channel_fd);
    spawn_setup_done(&spawned->setup);
    free(spawned);
    return NULL;
}

Spawned *spawn_abandon(Spawned *spawned) {
    if (!spawned)
        return NULL;
    spawned->channel_fd = close_fd(spawned->channel_fd);
    if (spawned->pid > 0)
        end_child(spawned);
    return spawned_free(spawned);
}

static int begin(Spawned *spawned, int leaf_fd, char **ret_message) {
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    spawned->channel_fd = spawned->setup.child.parent_fd = fds[0];
    spawned->setup.child.channel_fd = fds[1];
    int r = make_child(spawned, leaf_fd);
    close_fd(fds[1]);
    if (r < 0)
        text_printf(ret_message, "cannot create a process in its cgroup: %s", strerror(-r));
    return r < 0 ? r : process_start_ticks(spawned->pid, &spawned->start_ticks);
}

int spawn_begin(const SpawnSpec *spec, Spawned **ret, char **ret_message) {
    _cleanup_(cleanup_spawn_abandon) Spawned *spawned = malloc(sizeof *spawned);

    if (!spawned)
        return -ENOMEM;
    *spawned = (Spawned){ .setup = SPAWN_SETUP_NULL, .pidfd = -1, .channel_fd = -1 };
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

/* --- letting go ------------------------------------------------------------------------------------------------- */

/* True when the child reported a failure. */
static int await_exec(int channel_fd, ChildFailure *ret) {
    int n = TEMP_FAILURE_RETRY(poll(&(struct pollfd){ .fd = channel_fd, .events = POLLIN }, 1, SPAWN_TIMEOUT_MSEC));

    if (n <= 0)
        return n < 0 ? -errno : -ETIMEDOUT;
    return recv(channel_fd, ret, sizeof *ret, 0) == sizeof *ret;
}

int spawn_finish(Spawned *spawned, int *ret_pidfd, char **ret_message) {
    _cleanup_(cleanup_spawn_abandon) Spawned *owned = spawned;
    ChildFailure failure;

    send(owned->channel_fd, "", 1,
            MSG_NOSIGNAL); /* fails only when the child is dead already, and its exit will tell */
    int r = await_exec(owned->channel_fd, &failure);
    if (r < 0) {
        text_printf(ret_message, "cannot start '%s': %s", owned->setup.child.executable, strerror(-r));
        return r;
    }
    if (r > 0) {
        child_failure_format(&failure, &owned->setup.child, ret_message);
        return -failure.error;
    }
    *ret_pidfd = TAKE_FD(owned->pidfd);
    spawned_free(TAKE_PTR(owned));
    return 0;
}
