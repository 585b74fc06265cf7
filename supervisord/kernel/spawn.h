/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Starting a process inside a fresh cgroup leaf. The child is born in the leaf (clone3 CLONE_INTO_CGROUP, or fork and
 * a write to cgroup.procs where that does not work), puts off what it has of the daemon, waits at a barrier until it is
 * registered, and execs. Every failure on its side comes back as step and errno, and is worded here.
 *
 * All that allocates or looks things up (users, environment) is done before the clone: the daemon has threads, so the
 * child calls async-signal-safe functions only.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "model/invocation.h"
#include "model/policy.h"

/* Borrowed; the workload until the start is finished or abandoned. The daemon's own 0, 1 and 2 must be open. */
typedef struct SpawnSpec {
    const char *name; /* of the workload, for messages and the journal */
    const Workload *workload;
    const Invocation *invocation;
    int leaf_fd;               /* cgroup leaf */
    int tree_fd;               /* the tree's directory; used where there is a rate limit of output */
    int namespace_fd;          /* network namespace; -1: the daemon's own */
    int stdio[3];              /* given by `supctl run`; -1 each: as the workload says */
    const char *notify_socket; /* NULL */
} SpawnSpec;

/* How a child ends that never came to be the payload, beyond what systemd.exec(5) has. */
enum {
    SPAWN_EXIT_ABANDONED = 247, /* its daemon died while it waited */
    SPAWN_EXIT_START_PRE = 248, /* a command of ExecStartPre= failed */
};

typedef struct Spawned Spawned; /* between clone and exec */

/*
 * spawn_begin: the child exists in the leaf and waits. On failure *ret_message is a sentence for people ("cannot set
 * user 'www': no such user"), owned by the caller.
 * spawn_release: lets it go on. *ret_report_fd tells what comes of it: it hangs up when the child has exec'ed or ended.
 * spawn_abandon: EOF at the barrier; the child exits without a trace and is reaped.
 */
int spawn_begin(const SpawnSpec *spec, Spawned **ret, char **ret_message);
pid_t spawned_pid(const Spawned *spawned);
int spawned_pidfd(const Spawned *spawned);                /* borrowed */
uint64_t spawned_start_ticks(const Spawned *spawned);     /* /proc/PID/stat field 22 */
int spawned_report(const Spawned *spawned);               /* its number in the child */
void spawn_release(Spawned *spawned, int *ret_report_fd); /* consumes spawned */
Spawned *spawn_abandon(Spawned *spawned);
DEFINE_CLEANUP(Spawned *, spawn_abandon);

/*
 * What the report says, once it has hung up or the child has ended: 1, it has exec'ed; 0, it ended before; or why it could
 * not, as -errno and in words.
 */
int spawn_report_read(int report_fd, char **ret_message);
/* Takes the report of a child of an earlier daemon out of it. -ESRCH: it has exec'ed already, or is gone. */
int spawn_report_adopt(pid_t pid, int pidfd, int number, int *ret_report_fd);
