/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Starting a relay. It holds nothing of ours, nor we of it: it is nobody's child once it is ready, and finds out by itself
 * when it is done.
 */

#include "kernel/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/strv.h"
#include "kernel/cgroup.h"

#define PROGRAM "supervisord-relay"

enum { PROCS_FD = 3 }; /* as relay/main.c has it */

/* Beside the daemon, wherever that was started from. */
static int find_program(char path[static PATH_MAX]) {
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof PROGRAM);

    if (n < 0)
        return -errno;
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash)
        return -ENOENT;
    strcpy(slash + 1, PROGRAM);
    return 0;
}

/* A relay cannot fork, and only the worker starts any: nobody comes between the count and the start. */
static int check_room(int leaf_fd, unsigned at_most) {
    _cleanup_(cleanup_free) char *text = NULL;
    unsigned n = 0;
    size_t length;
    int r = file_read_all_at(leaf_fd, "cgroup.procs", (size_t) at_most * sizeof "4194304", &text, &length);

    if (r < 0)
        return r == -EFBIG ? -EUSERS : r;
    for (const char *c = text; *c; c++)
        n += *c == '\n';
    return n < at_most ? 0 : -EUSERS;
}

/* The leaf is the tree's, as the keeper's is: made when it is first needed, and left. */
static int open_leaf(int tree_fd, unsigned at_most, int *ret_procs_fd) {
    _cleanup_(cleanup_close) int leaf_fd = -1;
    bool created;
    int r = cgroup_make(tree_fd, RELAY_LEAF, &leaf_fd, &created);

    if (r == 0)
        r = check_room(leaf_fd, at_most);
    if (r < 0)
        return r;
    int fd = openat(leaf_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_procs_fd = fd;
    return 0;
}

/* All that the daemon has is closed at exec, but 2: what the dynamic linker may have to say. */
static int spawn(char *const *arguments, const int fds[3], pid_t *ret_pid) {
    static char *const no_environment[] = { NULL };
    char path[PATH_MAX];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int r = find_program(path);

    if (r < 0)
        return r;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    r = posix_spawn_file_actions_adddup2(&actions, fds[0], STDIN_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, fds[2], PROCS_FD);
    if (r == 0)
        r = posix_spawn(ret_pid, path, &actions, &attributes, arguments, no_environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

/* It tells by its exit that it has become independent, or the errno why not. */
static int run(const RelaySpec *spec, int pipe_fd, int procs_fd) {
    char interval[24], burst[24], uid[16], gid[16];
    char *arguments[] = { (char *) PROGRAM, (char *) spec->name, interval, burst, uid, gid, NULL };
    int status;
    pid_t pid;

    snprintf(interval, sizeof interval, "%" PRIu64, spec->rate.interval_usec);
    snprintf(burst, sizeof burst, "%" PRIu64, spec->rate.burst);
    snprintf(uid, sizeof uid, "%u", spec->uid);
    snprintf(gid, sizeof gid, "%u", spec->gid);
    int r = spawn(arguments, (const int[]){ pipe_fd, spec->out_fd, procs_fd }, &pid);
    if (r < 0)
        return r;
    if (TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) < 0)
        return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

/* *ret_fd: the pipe's end to be written to. */
static int start(const RelaySpec *spec, int *ret_fd) {
    _cleanup_(cleanup_close) int procs_fd = -1;
    int fds[2];
    int r = open_leaf(spec->tree_fd, spec->at_most, &procs_fd);

    if (r < 0)
        return r;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    r = run(spec, fds[0], procs_fd);
    close_fd(fds[0]);
    if (r < 0) {
        close_fd(fds[1]);
        return r;
    }
    *ret_fd = fds[1];
    return 0;
}

int relay_start(const RelaySpec *spec, int *ret_fd, char **ret_message) {
    int r = start(spec, ret_fd);

    if (r == -EUSERS)
        text_printf(ret_message, "cannot start " PROGRAM " for LogRateLimitBurst=: %u run already", spec->at_most);
    else if (r < 0)
        text_printf(ret_message, "cannot start " PROGRAM " for LogRateLimitBurst=: %s", strerror(-r));
    return r;
}
