/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tests/live/spawn-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/cgroup.h"
#include "kernel/tree.h"
#include "model/node.h"

enum {
    OUTPUT_MAX = 64 * 1024,
    STORM_DEPTH = 6, /* 2^6 processes */
    TEST_TIMEOUT_SEC = 120,
};

static const Invocation invocation = { { 0xab, [15] = 1 } };
char self[PATH_MAX];

/* --- the cgroup that all happens in; it goes away however the test ends ----------------------------------------- */

pid_t test_pid;
int base_fd = -1;
unsigned n_leaves;
char directory[] = "/tmp/spawn-test-XXXXXX";
static char base_path[PATH_MAX];

static void clean_up(void) {
    char text[16];

    if (getpid() != test_pid || base_fd < 0)
        return;
    cgroup_kill(base_fd);
    cgroup_wait_empty(base_fd, 5000000);
    for (unsigned i = 1; i <= n_leaves; i++) {
        snprintf(text, sizeof text, "%u", i);
        cgroup_remove(base_fd, text);
    }
    cgroup_remove(AT_FDCWD, base_path);
    if (chdir(directory) == 0 && system("rm -rf -- \"$PWD\"") != 0)
        fprintf(stderr, "cannot remove %s\n", directory);
}

static void on_deadline(int number) {
    clean_up();
    _exit(EXIT_FAILURE);
}

static void make_base(void) {
    _cleanup_(cleanup_free) char *mount = NULL;
    bool created;

    CHECK_EQ(tree_find_mount(&mount), 0);
    snprintf(base_path, sizeof base_path, "%s/supervisord-spawn-test-%d", mount, getpid());
    CHECK_EQ(cgroup_make(AT_FDCWD, base_path, &base_fd, &created), 0);
    CHECK(created && mkdtemp(directory) && chmod(directory, 0755) == 0);
}

void leaf_name(unsigned leaf, char ret[static 16]) {
    snprintf(ret, 16, "%u", leaf);
}

unsigned make_leaf(int *ret_fd) {
    char name[16];
    bool created;

    leaf_name(++n_leaves, name);
    CHECK_EQ(cgroup_make(base_fd, name, ret_fd, &created), 0);
    CHECK(created);
    return n_leaves;
}

/* Who was waited for may be in it a moment longer. */
void remove_leaf(unsigned leaf) {
    _cleanup_(cleanup_close) int fd = -1;
    char name[16];

    leaf_name(leaf, name);
    CHECK_EQ(cgroup_open(base_fd, name, &fd), 0);
    CHECK_EQ(cgroup_wait_empty(fd, 60 * USEC_PER_SEC), 0);
    CHECK_EQ(cgroup_remove(base_fd, name), 0);
}

void check_no_children(void) {
    CHECK_EQ(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_EQ(errno, ECHILD);
}

/* --- what this program does when it is the payload -------------------------------------------------------------- */

static void print_file(const char *path) {
    char text[OUTPUT_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    while (fd >= 0 && (n = read(fd, text, sizeof text)) > 0)
        fwrite(text, 1, (size_t) n, stdout);
    close_fd(fd);
}

long session_keyring(void) {
    return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
}

static int payload_report(void) {
    struct rlimit files;
    char directory_now[PATH_MAX];

    print_file("/proc/self/status");
    print_file("/proc/self/cgroup");
    printf("oom_score_adj: ");
    print_file("/proc/self/oom_score_adj");
    getrlimit(RLIMIT_NOFILE, &files);
    printf("files: %ju\nleader: %d\nleaked: %d\nkeyring: %ld\ncwd: %s\n", (uintmax_t) files.rlim_cur,
            getsid(0) == getpid(), fcntl(LEAKED_FD, F_GETFD), session_keyring(),
            getcwd(directory_now, sizeof directory_now));
    for (char **assignment = environ; *assignment; assignment++)
        printf("env %s\n", *assignment);
    return 0;
}

_Noreturn static void payload_storm(void) {
    signal(SIGTERM, SIG_IGN);
    for (unsigned i = 0; i < STORM_DEPTH; i++)
        fork();
    for (;;)
        pause();
}

static int payload_burn(void) {
    if (fork() == 0)
        while (clock() < BURN_MSEC * CLOCKS_PER_SEC / 1000)
            ;
    else
        wait(NULL);
    return 0;
}

static int payload(const char *what) {
    if (strcmp(what, "report") == 0)
        return payload_report();
    if (strcmp(what, "burn") == 0)
        return payload_burn();
    payload_storm();
}

/* --- starting one ----------------------------------------------------------------------------------------------- */

Workload workload_of(char **arguments) {
    static char *const null_environment[] = { NULL };

    return (Workload){ .exec.arguments = arguments,
        .exec.environment = (char **) null_environment,
        .exec.output.kind = OUTPUT_NULL,
        .exec.error.kind = OUTPUT_INHERIT,
        .exec.umask = 0022,
        .life.running = true };
}

SpawnSpec spec_of(const Workload *workload, int leaf_fd) {
    return (SpawnSpec){
        .name = "web",
        .workload = workload,
        .invocation = &invocation,
        .leaf_fd = leaf_fd,
        .tree_fd = -1,
        .namespace_fd = -1,
        .stdio = { -1, -1, -1 },
    };
}

int let_go(Spawned *spawned, int *ret_pidfd, char **ret_message) {
    int pidfd = fcntl(spawned_pidfd(spawned), F_DUPFD_CLOEXEC, 3), report_fd;

    CHECK(pidfd >= 0);
    spawn_release(spawned, &report_fd);
    CHECK_EQ(poll(&(struct pollfd){ .fd = report_fd }, 1, END_TIMEOUT_MSEC), 1);
    int r = spawn_report_read(report_fd, ret_message);
    close(report_fd);
    if (r > 0) {
        *ret_pidfd = pidfd;
        return 0;
    }
    CHECK_EQ(waitid(P_PIDFD, (id_t) pidfd, &(siginfo_t){}, WEXITED), 0);
    close(pidfd);
    return r;
}

void launch_spec(SpawnSpec *spec, unsigned leaf, Launched *ret) {
    _cleanup_(cleanup_free) char *message = NULL;
    Spawned *spawned;
    int pidfd;

    CHECK_EQ(spawn_begin(spec, &spawned, &message), 0);
    pid_t pid = spawned_pid(spawned);
    int r = let_go(spawned, &pidfd, &message);
    if (r < 0)
        CHECK_FAIL("not started: %s", message);
    *ret = (Launched){ .leaf = leaf };
    CHECK_EQ(process_hold(&ret->process, pid, pidfd, spec->leaf_fd, true), 0);
}

void launch(const Workload *workload, Launched *ret) {
    int leaf_fd;
    unsigned leaf = make_leaf(&leaf_fd);
    SpawnSpec spec = spec_of(workload, leaf_fd);

    launch_spec(&spec, leaf, ret);
}

Exit await(Launched *launched) {
    Exit ended;

    CHECK_EQ(poll(&(struct pollfd){ .fd = launched->process.pidfd, .events = POLLIN }, 1, END_TIMEOUT_MSEC), 1);
    CHECK_EQ(process_reap(&launched->process, &ended), 0);
    return ended;
}

void finish(Launched *launched) {
    process_done(&launched->process);
    remove_leaf(launched->leaf);
    check_no_children();
}

void fixture_begin(int argc, char *argv[]) {
    if (argc > 1)
        exit(payload(argv[1]));
    if (geteuid() != 0) {
        puts("skipped: makes cgroups and changes users, which takes root");
        exit(77);
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(n > 0);
    test_pid = getpid();
    atexit(clean_up);
    signal(SIGALRM, on_deadline);
    signal(SIGINT, on_deadline);
    alarm(TEST_TIMEOUT_SEC);
    make_base();
}

static void inherit_capabilities(void) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    CHECK_EQ(syscall(SYS_capget, &header, data), 0);
    for (size_t i = 0; i < ELEMENTSOF(data); i++)
        data[i].inheritable = data[i].permitted;
    CHECK_EQ(syscall(SYS_capset, &header, data), 0);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0), 0);
}

struct rlimit fixture_untidy(void) {
    struct rlimit inherited, lower;
    sigset_t blocked;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    raise(SIGUSR1);
    umask(0077);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &inherited), 0);
    lower = inherited;
    lower.rlim_cur = 200;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
    CHECK_EQ(write(fd, "100", 3), 3);
    close(fd);
    CHECK_EQ(setgroups(1, (gid_t[]){ 12345 }), 0);
    CHECK_EQ(dup2(STDERR_FILENO, LEAKED_FD), LEAKED_FD);
    CHECK_EQ(setenv("LEAK", "1", true), 0);
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
    inherit_capabilities();
    return inherited;
}
