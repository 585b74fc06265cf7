/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a child does to itself between its birth and exec, so that the payload finds the state that systemd would give
 * it and nothing of the daemon's. The order matters: what needs root comes before the user, descriptors are closed
 * last.
 *
 * Identity is changed by bare system calls: the C library's setuid() and the like want the agreement of all threads,
 * and the child has a copy of their list, but not the threads.
 */

#include "kernel/spawn-child.h"
#include "kernel/spawn.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strv.h"
#include "model/policy/keys.h"
#include "model/run.h"

enum {
    OUTPUT_MODE = 0644,
    CHILD_EXIT_EXEC = 203, /* systemd.exec(5): EXIT_EXEC */
};

/* The limits that the daemon was given, before it raises any for itself: those of a unit are systemd's defaults. */
static struct rlimit inherited_limits[RLIM_NLIMITS];

__attribute__((constructor)) static void remember_limits(void) {
    for (int i = 0; i < RLIM_NLIMITS; i++)
        getrlimit(i, &inherited_limits[i]);
}

/* What the step was about, where the table of steps cannot know it. */
static void note_object(ChildFailure *failure, const char *object) {
    strncpy(failure->object, object, sizeof failure->object - 1);
}

static int enter_session(const ChildSetup *setup, ChildFailure *failure) {
    return setsid() < 0 ? -errno : 0;
}

/* Of exec and CLONE_CLEAR_SIGHAND neither takes back what was ignored. All signals were blocked until here. */
static int reset_signals(const ChildSetup *setup, ChildFailure *failure) {
    static const struct sigaction by_default = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        if (sigaction(i, &by_default, NULL) < 0 && errno != EINVAL)
            return -errno;
    if (setup->ignore_sigpipe && signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return -errno;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int enter_network(const ChildSetup *setup, ChildFailure *failure) {
    return setup->namespace_fd >= 0 && setns(setup->namespace_fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

static int set_umask(const ChildSetup *setup, ChildFailure *failure) {
    umask(setup->umask);
    return 0;
}

/* All are first moved above the three, so that none is overwritten before its turn. */
static int connect_stdio(const ChildSetup *setup, ChildFailure *failure) {
    int fds[3] = { -1, -1, -1 };

    for (int i = 0; i < 3; i++)
        if (setup->stdio[i] >= 0 && (fds[i] = fcntl(setup->stdio[i], F_DUPFD_CLOEXEC, 3)) < 0)
            return -errno;
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0 && dup2(fds[i], i) < 0)
            return -errno;
    return 0;
}

/* A terminal that was handed over and that nobody else controls is the payload's own. All other input is not. */
static int take_terminal(const ChildSetup *setup, ChildFailure *failure) {
    if (setup->stdio[0] >= 0 && ioctl(STDIN_FILENO, TIOCSCTTY, 0) == 0 && fchown(STDIN_FILENO, setup->uid, -1) < 0)
        return -errno;
    return 0;
}

/* Waits to be let go; when the daemon went away instead, there never was a start. */
static int pass_barrier(const ChildSetup *setup, ChildFailure *failure) {
    char go;

    close(setup->parent_fd);
    if (TEMP_FAILURE_RETRY(read(setup->barrier_fd, &go, sizeof go)) != sizeof go)
        _exit(SPAWN_EXIT_ABANDONED);
    return 0;
}

/* -1 and errno. Nothing of the payload's own making becomes its terminal. */
static int open_file(const ChildFile *file) {
    return open(file->path, file->flags | O_NOCTTY | O_CLOEXEC, OUTPUT_MODE);
}

static int open_input(const ChildSetup *setup, ChildFailure *failure) {
    if (!setup->input.path)
        return 0;
    int fd = open_file(&setup->input);
    return fd < 0 || dup2(fd, STDIN_FILENO) < 0 ? -errno : 0;
}

/* By root, as systemd does. The last component may be the payload's to choose, so no link is followed there. */
static int open_output(const ChildSetup *setup, ChildFailure *failure) {
    if (!setup->output.path)
        return 0;
    int fd = open_file(&setup->output);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || (setup->error_is_output && dup2(fd, STDERR_FILENO) < 0))
        return -errno;
    return 0;
}

static int open_error(const ChildSetup *setup, ChildFailure *failure) {
    if (!setup->error.path)
        return 0;
    int fd = open_file(&setup->error);
    return fd < 0 || dup2(fd, STDERR_FILENO) < 0 ? -errno : 0;
}

/* The daemon's descriptors are still open: behind this step nothing may be opened before they are closed. */
static int set_resource_limits(const ChildSetup *setup, ChildFailure *failure) {
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        const ResourceLimit *wanted = &setup->resource_limits[i];
        struct rlimit limit = { .rlim_cur = wanted->soft, .rlim_max = wanted->hard };

        if (setrlimit(i, wanted->is_set ? &limit : &inherited_limits[i]) < 0) {
            int r = -errno;
            note_object(failure, key_name(KEYS_RESOURCE + i));
            return r;
        }
    }
    return 0;
}

static int set_nice(const ChildSetup *setup, ChildFailure *failure) {
    return setpriority(PRIO_PROCESS, 0, setup->nice) < 0 ? -errno : 0;
}

/*
 * Without CAP_SYS_RESOURCE it can only go up: a payload that the kernel prefers as a victim is no harm to others, when
 * nobody asked for better.
 */
static int set_oom_score(const ChildSetup *setup, ChildFailure *failure) {
    _cleanup_(cleanup_close) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, setup->oom_score_adjust, strlen(setup->oom_score_adjust));
    return n < 0 && (errno != EACCES || *setup->oom_score_adjust == '-') ? -errno : 0;
}

/*
 * The bounding set alone would not do: what is inheritable comes back to root at exec. Emptying the inheritable set
 * empties the ambient set too. capabilities(7)
 */
static int reset_capabilities(const ChildSetup *setup, ChildFailure *failure) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (setup->drop_net_admin && prctl(PR_CAPBSET_DROP, CAP_NET_ADMIN, 0, 0, 0) < 0)
        return -errno;
    if (syscall(SYS_capget, &header, data) < 0)
        return -errno;
    for (size_t i = 0; i < ELEMENTSOF(data); i++)
        data[i].inheritable = 0;
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* Kernels without keyrings, and sandboxes that forbid them, have nothing to be kept apart. */
static int enter_keyring(const ChildSetup *setup, ChildFailure *failure) {
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0) >= 0)
        return 0;
    return errno == ENOSYS || errno == EPERM || errno == EACCES ? 0 : -errno;
}

static int set_groups(const ChildSetup *setup, ChildFailure *failure) {
    if (syscall(SYS_setgroups, setup->n_groups, setup->groups) < 0 ||
            syscall(SYS_setresgid, setup->gid, setup->gid, setup->gid) < 0)
        return -errno;
    return 0;
}

static int become_user(const ChildSetup *setup, ChildFailure *failure) {
    return syscall(SYS_setresuid, setup->uid, setup->uid, setup->uid) < 0 ? -errno : 0;
}

static int enter_directory(const ChildSetup *setup, ChildFailure *failure) {
    return chdir(setup->working_directory) < 0 ? -errno : 0;
}

/*
 * All but the report are closed at once, and not only at exec, which may be a while: what the daemon closes must be
 * closed, and whoever it talked to must see its end.
 */
static int close_others(const ChildSetup *setup, ChildFailure *failure) {
    unsigned low = (unsigned) setup->report_fds[0], high = (unsigned) setup->report_fds[1];

    if (low > high) {
        unsigned other = low;
        low = high;
        high = other;
    }
    if ((low > 3 && close_range(3, low - 1, 0) < 0) || (high - low > 1 && close_range(low + 1, high - 1, 0) < 0))
        return -errno;
    return close_range(high + 1, ~0U, 0) < 0 ? -errno : 0;
}

/* The wait status, -errno. _Fork(), because fork() takes locks that a thread of the daemon may have held. */
static int run_command(const ChildSetup *setup, const Command *command) {
    int status;
    pid_t pid = _Fork();

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        execve(command->arguments[0], command->arguments, setup->environment);
        _exit(CHILD_EXIT_EXEC);
    }
    return TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) < 0 ? -errno : status;
}

static int run_start_pre(const ChildSetup *setup, ChildFailure *failure) {
    for (size_t i = 0; i < setup->start_pre->n; i++) {
        const Command *command = &setup->start_pre->items[i];
        int status = run_command(setup, command);

        if (status == 0 || (status > 0 && command->may_fail))
            continue;
        note_object(failure, command->arguments[0]);
        failure->wait_status = status > 0 ? status : 0;
        return status > 0 ? -ECHILD : status;
    }
    return 0;
}

static int execute(const ChildSetup *setup, ChildFailure *failure) {
    char executes = CHILD_EXECUTES;

    if (write(setup->report_fds[1], &executes, sizeof executes) < 0)
        return -errno;
    execve(setup->executable, setup->arguments, setup->environment);
    return -errno;
}

/*
 * What is done, in this order; the status with which the child ends when it fails, systemd.exec(5) PROCESS EXIT CODES; and
 * how that is put in words: "cannot WORDS 'OBJECT'". What only the child itself notices comes before the barrier, while
 * the daemon registers it on another CPU; what leaves a trace comes behind.
 */
static const struct {
    int (*run)(const ChildSetup *setup, ChildFailure *failure);
    int status;
    const char *words;
    size_t object; /* offset of a text in ChildSetup; 0: none */
} steps[] = {
    { enter_session, 220, "start a session", 0 },
    { reset_signals, 207, "reset signals", 0 },
    { enter_network, 225, "enter the network namespace", 0 },
    { set_umask, 202, "set the umask", 0 },
    { connect_stdio, 202, "connect standard input and output", 0 },
    { take_terminal, 208, "take over the terminal", 0 },
    { set_nice, 201, "set the nice level", 0 },
    { set_oom_score, 206, "set the OOM score", 0 },
    { reset_capabilities, 218, "reset capabilities", 0 },
    { enter_keyring, 237, "join a session keyring", 0 },
    { pass_barrier, SPAWN_EXIT_ABANDONED, "wait for its start", 0 },
    { open_input, 208, "open input file", offsetof(ChildSetup, input.path) },
    { open_output, 209, "open output file", offsetof(ChildSetup, output.path) },
    { open_error, 222, "open error file", offsetof(ChildSetup, error.path) },
    { set_resource_limits, 205, "set", 0 },
    { set_groups, 216, "set groups", 0 },
    { become_user, 217, "set user", offsetof(ChildSetup, user) },
    { enter_directory, 200, "change to directory", offsetof(ChildSetup, working_directory) },
    { close_others, 202, "close the supervisor's descriptors", 0 },
    { run_start_pre, SPAWN_EXIT_START_PRE, "run ExecStartPre=", 0 },
    { execute, CHILD_EXIT_EXEC, "execute", offsetof(ChildSetup, executable) },
};

void child_run(const ChildSetup *setup) {
    ChildFailure failure = {};
    unsigned i = 0;
    int r;

    while ((r = steps[i].run(setup, &failure)) == 0) /* the last one does not come back with success */
        i++;
    failure.step = i;
    failure.error = failure.wait_status ? 0 : -r;
    if (steps[i].object)
        note_object(&failure, *(const char *const *) ((const char *) setup + steps[i].object));
    if (write(setup->report_fds[1], &failure, sizeof failure) < 0)
        _exit(EXIT_FAILURE);
    _exit(steps[i].status);
}

static const char *failure_why(const ChildFailure *failure, char *buffer, size_t size) {
    int status = failure->wait_status;
    Exit ended = { .known = true, .signaled = WIFSIGNALED(status) };

    if (failure->error)
        return strerror(failure->error);
    ended.code = ended.signaled ? WTERMSIG(status) : WEXITSTATUS(status);
    return exit_show(&ended, buffer, size);
}

int child_failure_format(const ChildFailure *failure, char **ret) {
    char why[128];

    if (failure->step >= ELEMENTSOF(steps) || !memchr(failure->object, '\0', sizeof failure->object))
        return -EBADMSG;
    const char *words = steps[failure->step].words;
    return *failure->object ? text_printf(ret, "cannot %s '%s': %s", words, failure->object,
                                      failure_why(failure, why, sizeof why))
                            : text_printf(ret, "cannot %s: %s", words, failure_why(failure, why, sizeof why));
}
