/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * supervisord-relay: started by the daemon for one start of a workload whose output has a rate limit. Outlives the daemon, and
 * lives outside of the workload's cgroup, so that it neither keeps that populated nor is killed with it. It has no more rights
 * than who writes to it, and can open nothing.
 *
 *     supervisord-relay NAME INTERVAL_USEC BURST UID GID
 *
 * 0 is the pipe, 1 where its lines are kept, 3 the cgroup.procs to enter. It ends when it is ready, and goes on as another
 * process, which is nobody's child; else it ends with an errno.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "relay/relay.h"

enum { PROCS_FD = 3, ARGUMENTS = 6 };

static int enter_leaf(void) {
    return write(PROCS_FD, "0", 1) != 1 || close_range(PROCS_FD - 1, ~0U, 0) < 0 || chdir("/") < 0 || setsid() < 0;
}

/* The OOM killer spares the daemon; we are no better than anybody. EACCES: we are worse already, and may not become better. */
static int become_killable(void) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    int r = fd < 0 || (write(fd, "0", 1) < 0 && errno != EACCES);

    if (fd >= 0)
        close(fd);
    return r;
}

/* User 0 keeps its capabilities unless they are taken away. */
static int become(uid_t uid, gid_t gid) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};

    return setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0 ||
           syscall(SYS_capset, &header, none) < 0;
}

/* The workload, which may be the same user, must not come to be outside of its cgroup through us: ptrace(2). */
static int give_up_rights(void) {
    const struct rlimit no_core = {}, no_new = { 1, 1 }; /* poll(2) wants room for the one that it waits for */

    return prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
           setrlimit(RLIMIT_CORE, &no_core) < 0 || setrlimit(RLIMIT_NOFILE, &no_new) < 0;
}

int main(int argc, char **argv) {
    static Relay relay;

    if (argc != ARGUMENTS)
        return EINVAL;
    relay = (Relay){
        .in_fd = STDIN_FILENO,
        .out_fd = STDOUT_FILENO,
        .name = argv[1],
        .window = { .interval_usec = strtoull(argv[2], NULL, 10), .burst = strtoull(argv[3], NULL, 10) },
    };
    if (enter_leaf() || become_killable() ||
            become((uid_t) strtoul(argv[4], NULL, 10), (gid_t) strtoul(argv[5], NULL, 10)) || give_up_rights())
        return errno;
    pid_t pid = fork(); /* from here on nothing of the C library's own may need what was given up: no exit(3) */
    if (pid != 0)
        _exit(pid < 0 ? errno : EXIT_SUCCESS);
    setrlimit(RLIMIT_NPROC, &(struct rlimit){}); /* none more */
    _exit(relay_run(&relay) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
