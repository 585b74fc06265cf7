/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The child's side of a start, between spawn.c and exec: a table of steps, each a few system calls. It runs in a copy
 * of a process with threads, so it allocates nothing and takes no locks.
 */

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "model/policy.h"

/* Opened by the child, with root's rights; path NULL: none. */
typedef struct ChildFile {
    const char *path;
    int flags;
} ChildFile;

/* All that the steps need, looked up beforehand. Descriptors of -1 mean: none. */
typedef struct ChildSetup {
    int barrier_fd;    /* a byte lets the child go on, its end says that the daemon is gone */
    int parent_fd;     /* the other end, to be closed here so that it ends with the daemon */
    int report_fds[2]; /* a pipe: the child holds both ends until it execs, so that a later daemon can read it too */
    int namespace_fd;  /* network namespace to enter */
    int stdio[3];      /* -1: the file below */
    ChildFile input, output, error;
    bool error_is_output; /* what is opened for output is error too */
    bool drop_net_admin;  /* the payload must not be able to take its shaper away */
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t n_groups;
    const ResourceLimit *resource_limits; /* RLIM_NLIMITS of them */
    int nice;
    char oom_score_adjust[8];
    mode_t umask;
    bool ignore_sigpipe;
    char *const *environment;
    char *const *arguments;
    const Commands *start_pre;
    /* Objects of messages. */
    const char *executable, *user, *working_directory;
} ChildSetup;

enum { CHILD_OBJECT_MAX = 256 };

/*
 * What the child writes to the report: CHILD_EXECUTES when it is about to exec, and behind or instead of that a
 * ChildFailure. The report's end without either is a child that was killed on the way.
 */
#define CHILD_EXECUTES 'x'

/* Why the child did not come to exec. */
typedef struct ChildFailure {
    unsigned step;
    int error;                     /* errno; 0: wait_status says more */
    int wait_status;               /* of a command of ExecStartPre= */
    char object[CHILD_OBJECT_MAX]; /* what it was about; "": nothing in particular */
} ChildFailure;

_Noreturn void child_run(const ChildSetup *setup);

/* "cannot change to directory '/nope': No such file or directory", owned by the caller. -ENOMEM, -EBADMSG */
int child_failure_format(const ChildFailure *failure, char **ret);
