/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A running workload's processes, held so that they can be ended at any time: by pidfd and by the leaf's cgroup.kill,
 * opened beforehand. Nothing here allocates or blocks after process_hold().
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/run.h"

enum { REAP_PATIENCE_MSEC = 1000 }; /* with whoever inherited a process that has ended */

typedef struct Process {
    pid_t pid;
    int pidfd;
    int leaf_fd;               /* the leaf's directory */
    int kill_fd;               /* its cgroup.kill */
    bool is_child;             /* ours to reap; false after the daemon was restarted */
    uint64_t oom_kills_before; /* of memory.events when it was held: tells whether this run was hit */
} Process;

#define PROCESS_NULL \
    { .pidfd = -1, .leaf_fd = -1, .kill_fd = -1 }

/* Takes pidfd and leaf_fd, on failure too. */
int process_hold(Process *process, pid_t pid, int pidfd, int leaf_fd, bool is_child);
/*
 * Opens a process by pid and checks that its start time is the one remembered; -ESRCH when it is another or gone. Takes
 * leaf_fd, on failure too. *ret_executed: as process_has_executed() has it. oom_kills_before is for the caller to set.
 */
int process_adopt(Process *process, pid_t pid, uint64_t start_ticks, int leaf_fd, bool *ret_executed);
void process_done(Process *process);
/*
 * When it was started, in clock ticks since boot (/proc/PID/stat field 22); -ESRCH. With the pid it names a process
 * for good.
 */
int process_start_ticks(pid_t pid, uint64_t *ret);

/* False for one that is what clone made of its parent. -ESRCH. The caller knows that the pid is still its own. */
int process_has_executed(pid_t pid, bool *ret);

int process_signal(const Process *process, int signal); /* to the main process */
int process_kill(const Process *process);               /* all of the leaf, at once */
/* How many processes of the leaf's workload the OOM killer has ever killed: its parent counts, the leaf has no controllers. */
uint64_t process_oom_kills(int leaf_fd);
/* Whether the kernel has killed one of its processes for want of memory. */
bool process_is_oom_hit(const Process *process);
/*
 * How it ended, also for who is not its parent. -EAGAIN: it runs, or its parent has not reaped it yet, which EPOLLHUP
 * tells; -ENODATA: this kernel does not know.
 */
int process_tell_exit(int pidfd, Exit *exit);
/* Whether that is known to the end, also of what has been reaped: tried with a process made for it. */
bool process_can_tell_exits(void);
/*
 * Reaps an ended child and says how it ended, with the CPU time of its reaped tree; for a process that is not our
 * child: unknown. -EAGAIN while it runs.
 */
int process_reap(Process *process, Exit *ret);
