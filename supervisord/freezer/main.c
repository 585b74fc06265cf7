/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * supervisord-freezer: started by the daemon where Scheduler=freeze; one for the tree. Shares out CPU time among workloads where
 * there is no cpu controller, by making them stand still (model/duty.h). It outlives the daemon, because what it holds has
 * to hold without one, and needs nobody: what it goes by stands on the groups' directories.
 *
 * 0 is the tree's directory, 3 the cgroup.procs to enter. It ends when it is ready, and goes on as another process, which is
 * nobody's child; else it ends with an errno.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "freezer/freezer.h"
#include "kernel/companion.h"

enum { TREE_FD = COMPANION_PROCS_FD };

static int enter_leaf(void) {
    return write(COMPANION_PROCS_FD, "0", 1) != 1 || dup3(STDIN_FILENO, TREE_FD, O_CLOEXEC) < 0 ||
           close_range(TREE_FD + 1, ~0U, 0) < 0 || chdir("/") < 0 || setsid() < 0;
}

/* Whoever prints prints nowhere. */
static int close_standard(void) {
    int fd = open("/dev/null", O_RDWR);
    int r = fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0;

    if (fd > 2)
        close(fd);
    return r;
}

static int give_up_rights(void) {
    return prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
           setrlimit(RLIMIT_CORE, &(struct rlimit){}) < 0;
}

/* Who is late makes others stand for longer. Where that is refused, shares are held less well. */
static void become_prompt(void) {
    struct sched_param lowest = { .sched_priority = sched_get_priority_min(SCHED_FIFO) };

    if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) < 0)
        setpriority(PRIO_PROCESS, 0, -20);
    mlockall(MCL_CURRENT | MCL_FUTURE);
}

static int open_signals(void) {
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    return signalfd(-1, &mask, SFD_CLOEXEC);
}

int main(int argc, char **argv) {
    if (argc != 1)
        return EINVAL;
    if (enter_leaf() || close_standard() || give_up_rights())
        return errno;
    int signal_fd = open_signals();
    if (signal_fd < 0)
        return errno;
    Census census;
    int r = census_open(TREE_FD, &census);
    if (r < 0)
        return -r;
    pid_t pid = fork();
    if (pid != 0)
        _exit(pid < 0 ? errno : EXIT_SUCCESS);
    become_prompt();
    _exit(freezer_run(&census, signal_fd) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
