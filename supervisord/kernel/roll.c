/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A pid from a list is a number that may be somebody else's by now. So each is opened first and only then looked at: who
 * is in the cgroup after that is the one that the pidfd holds, or a later bearer, and then the pidfd's is dead.
 */

#include "kernel/roll.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/strv.h"
#include "kernel/cgroup.h"

enum {
    PROCS_BYTES_MAX = ROLL_PROCESSES_MAX * sizeof "4194304", /* of cgroup.procs; the kernel's largest pid */
    CGROUP_PATH_MAX = 4096,
};

struct Roll {
    char place[CGROUP_PATH_MAX]; /* the directory as /proc/PID/cgroup has it */
    pid_t *pids;
    size_t n, allocated, next, n_signaled;
    unsigned n_directories, levels; /* looked into; that may still be gone down */
};

static int enter(Roll *roll, pid_t pid) {
    int r = roll->n < ROLL_PROCESSES_MAX ? grow(&roll->pids, sizeof *roll->pids, roll->n, &roll->allocated) : -EFBIG;
    if (r == 0)
        roll->pids[roll->n++] = pid;
    return r;
}

static int enter_processes(Roll *roll, int dir_fd) {
    _cleanup_(cleanup_free) char *text = NULL;
    size_t length;
    int r = file_read_all_at(dir_fd, "cgroup.procs", PROCS_BYTES_MAX, &text, &length);
    char *rest = text;
    for (char *line; r == 0 && (line = strsep(&rest, "\n"));)
        if (*line)
            r = enter(roll, atoi(line));
    return r;
}

static int enter_inside(void *userdata, int parent_fd, const char *name);

static int enter_all(Roll *roll, int dir_fd) {
    int r = roll->n_directories++ < ROLL_DIRECTORIES_MAX ? enter_processes(roll, dir_fd) : -EFBIG;
    if (r == 0 && roll->levels > 0) {
        roll->levels--;
        r = cgroup_each(dir_fd, enter_inside, roll);
        roll->levels++;
    }
    return r;
}

/* What is gone meanwhile has nobody in it, and who is in a threaded one was read above it. */
static int enter_inside(void *userdata, int parent_fd, const char *name) {
    _cleanup_(cleanup_close) int fd = -1;
    int r = cgroup_open(parent_fd, name, &fd);
    if (r == 0)
        r = enter_all(userdata, fd);
    return r == -EFBIG || r == -ENOMEM ? r : 0;
}

/* The path of the directory below the mount. */
static int place_of(int dir_fd, const char *mount, char buffer[static CGROUP_PATH_MAX]) {
    char link[64];
    size_t length = strlen(mount);
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir_fd);
    ssize_t n = readlink(link, buffer, CGROUP_PATH_MAX - 1);
    if (n < 0)
        return -errno;
    buffer[n] = '\0';
    if (n == CGROUP_PATH_MAX - 1 || strncmp(buffer, mount, length) != 0 || buffer[length] != '/')
        return -ENAMETOOLONG;
    memmove(buffer, buffer + length, (size_t) n - length + 1);
    return 0;
}

int roll_take(int dir_fd, const char *mount, Roll **ret) {
    _cleanup_(cleanup_roll_free) Roll *roll = calloc(1, sizeof *roll);
    if (!roll)
        return -ENOMEM;
    roll->levels = CGROUP_NESTING_MAX;
    int r = place_of(dir_fd, mount, roll->place);
    if (r == 0)
        r = enter_all(roll, dir_fd);
    if (r == 0)
        *ret = TAKE_PTR(roll);
    return r;
}

Roll *roll_free(Roll *roll) {
    if (roll)
        free(roll->pids);
    free(roll);
    return NULL;
}

static bool signal_pid(const Roll *roll, pid_t pid, const int *signals) {
    _cleanup_(cleanup_close) int pidfd = pidfd_open(pid, 0);
    char path[64], text[CGROUP_PATH_MAX];
    bool is_heard = true;
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int) pid);
    if (pidfd < 0 || file_read_at(AT_FDCWD, path, text, sizeof text) < 0 || !proc_cgroup_is_within(text, roll->place))
        return false;
    for (const int *signal = signals; *signal && is_heard; signal++)
        is_heard = pidfd_send_signal(pidfd, *signal, NULL, 0) == 0;
    return is_heard;
}

bool roll_signal(Roll *roll, const int *signals, size_t at_most) {
    for (; roll->next < roll->n && at_most > 0; at_most--)
        roll->n_signaled += signal_pid(roll, roll->pids[roll->next++], signals);
    return roll->next < roll->n;
}

size_t roll_n_signaled(const Roll *roll) {
    return roll->n_signaled;
}
