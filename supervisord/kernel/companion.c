/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Starting a companion. It holds nothing of ours, nor we of it, but what it is given. */

#include "kernel/companion.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "kernel/cgroup.h"

/* Beside the daemon, wherever that was started from. */
static int find_program(const char *name, char path[static PATH_MAX]) {
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

    if (n < 0)
        return -errno;
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash || (size_t) (slash + 1 - path) + strlen(name) >= PATH_MAX)
        return -ENOENT;
    strcpy(slash + 1, name);
    return 0;
}

/* A companion cannot fork any more, and only the worker starts any: nobody comes between the count and the start. */
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

static int open_leaf(int tree_fd, const char *leaf, unsigned at_most, int *ret_procs_fd) {
    _cleanup_(cleanup_close) int leaf_fd = -1;
    bool created;
    int r = cgroup_make(tree_fd, leaf, &leaf_fd, &created);

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

static int pass(posix_spawn_file_actions_t *actions, const int fds[2], int procs_fd) {
    int r = 0;

    for (int i = 0; r == 0 && i < 2; i++)
        if (fds[i] >= 0)
            r = posix_spawn_file_actions_adddup2(actions, fds[i], i);
    return r == 0 ? posix_spawn_file_actions_adddup2(actions, procs_fd, COMPANION_PROCS_FD) : r;
}

/* All that the daemon has is closed at exec, but 2: what the dynamic linker may have to say. */
static int spawn(char *const *arguments, const int fds[2], int procs_fd, pid_t *ret_pid) {
    static char *const no_environment[] = { NULL };
    char path[PATH_MAX];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int r = find_program(arguments[0], path);

    if (r < 0)
        return r;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    r = pass(&actions, fds, procs_fd);
    if (r == 0)
        r = posix_spawn(ret_pid, path, &actions, &attributes, arguments, no_environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

int companion_start(int tree_fd, const char *leaf, unsigned at_most, char *const *arguments, const int fds[2]) {
    _cleanup_(cleanup_close) int procs_fd = -1;
    int status, r = open_leaf(tree_fd, leaf, at_most, &procs_fd);
    pid_t pid;

    if (r == 0)
        r = spawn(arguments, fds, procs_fd, &pid);
    if (r < 0)
        return r;
    if (TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) < 0)
        return -errno;
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}
