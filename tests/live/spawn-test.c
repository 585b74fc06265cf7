/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Starting, holding and ending processes in real cgroups, as root. The test makes itself as unlike a payload's home
 * as it can (ignored and blocked signals, groups, capabilities, an inherited descriptor ...) and looks at what of it
 * a payload sees. Ends with the medians of what a start costs beside a bare one.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/strv.h"
#include "kernel/cgroup.h"
#include "kernel/process.h"
#include "kernel/spawn.h"
#include "kernel/tree.h"
#include "model/node.h"
#include "unit/check.h"

enum {
    OUTPUT_MAX = 64 * 1024,
    LEAKED_FD = 77,
    STORM_DEPTH = 6, /* 2^6 processes */
    BURN_MSEC = 100,
    FALLBACK_LEAVES_MAX = 100,
    BENCH_RUNS = 200,
    END_TIMEOUT_MSEC = 20000,
    TEST_TIMEOUT_SEC = 120,
};

static const Invocation invocation = { { 0xab, [15] = 1 } };
static char self[PATH_MAX];
static char directory[] = "/tmp/spawn-test-XXXXXX";

static char *const null_environment[] = { NULL };

/* --- the cgroup that all happens in; it goes away however the test ends ----------------------------------------- */

static pid_t test_pid;
static char base_path[PATH_MAX];
static int base_fd = -1;
static unsigned n_leaves;

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

static void leaf_name(unsigned leaf, char ret[static 16]) {
    snprintf(ret, 16, "%u", leaf);
}

static unsigned make_leaf(int *ret_fd) {
    char name[16];
    bool created;

    leaf_name(++n_leaves, name);
    CHECK_EQ(cgroup_make(base_fd, name, ret_fd, &created), 0);
    CHECK(created);
    return n_leaves;
}

static void remove_leaf(unsigned leaf) {
    char name[16];

    leaf_name(leaf, name);
    CHECK_EQ(cgroup_remove(base_fd, name), 0);
}

static void check_no_children(void) {
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

static long session_keyring(void) {
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

typedef struct Launched {
    unsigned leaf;
    Process process;
} Launched;

static Workload workload_of(char **arguments) {
    return (Workload){ .exec.arguments = arguments,
        .exec.environment = (char **) null_environment,
        .exec.output.kind = OUTPUT_NULL,
        .exec.error.kind = OUTPUT_INHERIT,
        .exec.umask = 0022,
        .life.running = true };
}

#define SHELL(script) workload_of((char *[]){ (char *) "/bin/sh", (char *) "-c", (char *) (script), NULL })
#define PAYLOAD(what) workload_of((char *[]){ self, (char *) (what), NULL })

static SpawnSpec spec_of(const Workload *workload, int leaf_fd) {
    return (SpawnSpec){
        .name = "web",
        .workload = workload,
        .invocation = &invocation,
        .leaf_fd = leaf_fd,
        .namespace_fd = -1,
        .stdio = { -1, -1, -1 },
    };
}

/* Lets it go and waits for its report: 0 and its pidfd once it has exec'ed; else it is reaped, and *ret_message says why. */
static int let_go(Spawned *spawned, int *ret_pidfd, char **ret_message) {
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

static void launch_spec(SpawnSpec *spec, unsigned leaf, Launched *ret) {
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

static void launch(const Workload *workload, Launched *ret) {
    int leaf_fd;
    unsigned leaf = make_leaf(&leaf_fd);
    SpawnSpec spec = spec_of(workload, leaf_fd);

    launch_spec(&spec, leaf, ret);
}

static Exit await(Launched *launched) {
    Exit ended;

    CHECK_EQ(poll(&(struct pollfd){ .fd = launched->process.pidfd, .events = POLLIN }, 1, END_TIMEOUT_MSEC), 1);
    CHECK_EQ(process_reap(&launched->process, &ended), 0);
    return ended;
}

static void finish(Launched *launched) {
    process_done(&launched->process);
    remove_leaf(launched->leaf);
    check_no_children();
}

/* Runs it to its end and returns what it printed. */
static char *output_of(const Workload *workload, int namespace_fd) {
    static char output[OUTPUT_MAX];
    Launched launched;
    size_t length = 0;
    ssize_t n;
    int leaf_fd, pipe_fds[2];
    unsigned leaf = make_leaf(&leaf_fd);
    SpawnSpec spec = spec_of(workload, leaf_fd);

    CHECK_EQ(pipe2(pipe_fds, O_CLOEXEC), 0);
    spec.stdio[1] = pipe_fds[1];
    spec.namespace_fd = namespace_fd;
    launch_spec(&spec, leaf, &launched);
    close(pipe_fds[1]);
    while ((n = read(pipe_fds[0], output + length, sizeof output - 1 - length)) > 0)
        length += (size_t) n;
    close(pipe_fds[0]);
    output[length] = '\0';
    CHECK_EQ(await(&launched).code, 0);
    finish(&launched);
    return output;
}

static void check_line(const char *text, const char *line) {
    _cleanup_(cleanup_free) char *whole = NULL;

    CHECK_EQ(text_printf(&whole, "\n%s\n", line), 0);
    if (!strstr(text, whole))
        CHECK_FAIL("no line \"%s\" in:\n%s", line, text);
}

/* The hexadecimal number after key in /proc/PID/status. */
static uint64_t status_mask(const char *status, const char *key) {
    const char *line = strstr(status, key);

    CHECK(line);
    return strtoull(line + strlen(key), NULL, 16);
}

/* --- tests ------------------------------------------------------------------------------------------------------ */

static void test_cgroup_life(void) {
    CgroupMark mark = { .kind = GROUP_WORKLOAD, .name = "web", .slot = 12 }, again;
    uint32_t available, enabled;
    uint64_t id, usage;
    int fd, inside_fd;
    bool created, populated;
    struct stat st;
    unsigned leaf = make_leaf(&fd);
    char name[16];

    leaf_name(leaf, name);
    CHECK_EQ(cgroup_make(base_fd, name, &inside_fd, &created), 0);
    CHECK(!created);
    close(inside_fd);
    CHECK_EQ(cgroup_id(fd, &id), 0);
    CHECK(fstat(fd, &st) == 0 && st.st_ino == id);
    CHECK_EQ(cgroup_controllers(fd, &available, &enabled), 0);
    CHECK_EQ(enabled, 0);
    CHECK_EQ(cgroup_controllers_enable(fd, 0), 0);
    CHECK_EQ(cgroup_populated(fd, &populated), 0);
    CHECK(!populated);
    CHECK_EQ(cgroup_wait_empty(fd, 0), 0);
    CHECK_EQ(cgroup_flat_u64(fd, "cpu.stat", "usage_usec", &usage), 0);
    CHECK_EQ(cgroup_flat_u64(fd, "cpu.stat", "usage", &usage), -ENODATA);
    CHECK_EQ(cgroup_flat_u64(fd, "nope", "usage", &usage), -ENOENT);
    CHECK_EQ(cgroup_open(fd, "nope", &inside_fd), -ENOENT);
    CHECK_EQ(cgroup_remove(fd, "nope"), 0);

    CHECK_EQ(cgroup_mark_read(fd, &again), -ENODATA);
    CHECK_EQ(cgroup_mark_write(fd, &mark), 0);
    CHECK_EQ(cgroup_mark_read(fd, &again), 0);
    CHECK(strcmp(again.name, "web") == 0 && again.slot == 12 && !again.leaf);

    /* What a payload left inside goes too, but never what is marked. */
    CHECK_EQ(mkdirat(fd, "a", 0755) | mkdirat(fd, "a/b", 0755) | mkdirat(fd, "c", 0755), 0);
    CHECK_EQ(cgroup_open(fd, "a/b", &inside_fd), 0);
    CHECK_EQ(cgroup_mark_write(inside_fd, &mark), 0);
    close(inside_fd);
    CHECK_EQ(cgroup_remove(base_fd, name), -EBUSY);
    CHECK_EQ(faccessat(fd, "a/b", F_OK, 0), 0);
    CHECK_EQ(unlinkat(fd, "a/b", AT_REMOVEDIR), 0);
    CHECK_EQ(mkdirat(fd, "a", 0755) < 0 && errno != EEXIST, 0);
    CHECK_EQ(cgroup_remove(base_fd, name), 0);
    close(fd);
}

static void check_clean_state(const char *report) {
    char text[64];

    CHECK_EQ(status_mask(report, "SigIgn:\t"), 0);
    CHECK_EQ(status_mask(report, "SigBlk:\t"), 0);
    CHECK_EQ(status_mask(report, "SigPnd:\t"), 0);
    CHECK_EQ(status_mask(report, "CapInh:\t"), 0);
    CHECK_EQ(status_mask(report, "CapAmb:\t"), 0);
    check_line(report, "Umask:\t0022");
    check_line(report, "Groups:\t ");
    check_line(report, "NoNewPrivs:\t0");
    check_line(report, "oom_score_adj: 0");
    check_line(report, "leader: 1");
    check_line(report, "leaked: -1");
    check_line(report, "cwd: /");
    snprintf(text, sizeof text, "keyring: %ld", session_keyring());
    CHECK(!strstr(report, text));
    snprintf(text, sizeof text, "/supervisord-spawn-test-%d/%u\n", test_pid, n_leaves);
    CHECK(strstr(report, text));
}

static void check_inherited_limits(const char *report, const struct rlimit *inherited) {
    char text[64];

    snprintf(text, sizeof text, "files: %ju", (uintmax_t) inherited->rlim_cur);
    check_line(report, text);
}

static void test_clean_state(const struct rlimit *inherited) {
    Workload workload = PAYLOAD("report");
    const char *report = output_of(&workload, -1);

    check_clean_state(report);
    check_inherited_limits(report, inherited);
    CHECK_EQ(status_mask(report, "CapBnd:\t"), status_mask(report, "CapEff:\t"));
    CHECK(status_mask(report, "CapEff:\t") & UINT64_C(1) << CAP_NET_ADMIN);
    check_line(report, "env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin");
    check_line(report, "env INVOCATION_ID=ab000000000000000000000000000001");
    CHECK(!strstr(report, "env HOME=") && !strstr(report, "env LEAK="));
}

static void test_environment(void) {
    char *assignments[] = { (char *) "A=1", (char *) "PATH=/bin", (char *) "A=2", (char *) "AB= x y", NULL };
    Workload workload = PAYLOAD("report");

    workload.exec.environment = assignments;
    workload.exec.working_directory = directory;
    const char *report = output_of(&workload, -1);
    check_line(report, "env A=2");
    check_line(report, "env PATH=/bin");
    check_line(report, "env AB= x y");
    CHECK(!strstr(report, "env A=1") && !strstr(report, "env PATH=/usr"));
    char text[64];
    snprintf(text, sizeof text, "cwd: %s", directory);
    check_line(report, text);
}

static void test_user(void) {
    Workload workload = SHELL("echo; id -u; id -g; id -G; pwd; env; : <&0; grep Cap /proc/self/status");
    const struct passwd *nobody = getpwnam("nobody");
    char text[256];

    CHECK(nobody);
    workload.exec.user = (char *) "nobody";
    workload.exec.working_directory = (char *) "/usr";
    const char *report = output_of(&workload, -1);
    snprintf(text, sizeof text, "%d\n%d\n%d\n/usr", nobody->pw_uid, nobody->pw_gid, nobody->pw_gid);
    check_line(report, text);
    check_line(report, "USER=nobody");
    check_line(report, "LOGNAME=nobody");
    snprintf(text, sizeof text, "HOME=%s", nobody->pw_dir);
    check_line(report, text);
    CHECK_EQ(status_mask(report, "CapEff:\t") | status_mask(report, "CapPrm:\t") | status_mask(report, "CapInh:\t"), 0);

    snprintf(text, sizeof text, "%d", nobody->pw_uid);
    workload.exec.user = text;
    check_line(output_of(&workload, -1), "USER=nobody");
}

static int new_namespace(void) {
    char path[64];
    int ready[2], fd;

    CHECK_EQ(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "", 1) != 1)
            _exit(EXIT_FAILURE);
        pause();
    }
    close(ready[1]);
    CHECK_EQ(read(ready[0], path, 1), 1);
    close(ready[0]);
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    return fd;
}

static void test_network(void) {
    Workload workload = SHELL("echo; grep -c : /proc/net/dev; cat /proc/self/status");
    int namespace_fd = new_namespace();

    workload.wiring.mode = NETWORK_PRIVATE;
    const char *report = output_of(&workload, namespace_fd);
    check_line(report, "1");
    CHECK(!(status_mask(report, "CapBnd:\t") & UINT64_C(1) << CAP_NET_ADMIN));
    CHECK(!(status_mask(report, "CapEff:\t") & UINT64_C(1) << CAP_NET_ADMIN));
    CHECK(status_mask(report, "CapEff:\t") & UINT64_C(1) << CAP_SYS_ADMIN);
    close(namespace_fd);
}

static void check_refused(const Workload *workload, int expected, const char *sentence) {
    _cleanup_(cleanup_free) char *message = NULL;
    Spawned *spawned;
    int leaf_fd, pidfd = -1;
    unsigned leaf = make_leaf(&leaf_fd);
    SpawnSpec spec = spec_of(workload, leaf_fd);

    int r = spawn_begin(&spec, &spawned, &message);
    if (r == 0)
        r = let_go(spawned, &pidfd, &message);
    CHECK_EQ(r, expected);
    CHECK_STREQ(message, sentence);
    CHECK_EQ(pidfd, -1);
    close(leaf_fd);
    remove_leaf(leaf);
    check_no_children();
}

static void test_failures_in_words(void) {
    Workload workload = SHELL("exit 0");
    char link[PATH_MAX], sentence[PATH_MAX + 128];

    workload.exec.user = (char *) "no-such-user";
    check_refused(&workload, -ESRCH, "cannot set user 'no-such-user': no such user");
    workload.exec.user = NULL;
    workload.exec.working_directory = (char *) "/nope";
    check_refused(&workload, -ENOENT, "cannot change to directory '/nope': No such file or directory");
    workload.exec.working_directory = NULL;
    workload.exec.arguments = (char *[]){ (char *) "/bin/nope", NULL };
    check_refused(&workload, -ENOENT, "cannot execute '/bin/nope': No such file or directory");
    workload.exec.arguments = (char *[]){ (char *) "/etc/passwd", NULL };
    check_refused(&workload, -EACCES, "cannot execute '/etc/passwd': Permission denied");

    workload = SHELL("exit 0");
    workload.exec.output.kind = OUTPUT_FILE;
    workload.exec.output.path = (char *) "/nope/log";
    check_refused(&workload, -ENOENT, "cannot open output file '/nope/log': No such file or directory");
    snprintf(link, sizeof link, "%s/link", directory);
    CHECK_EQ(symlink("/etc/passwd", link), 0);
    workload.exec.output.path = link;
    snprintf(sentence, sizeof sentence, "cannot open output file '%s': Too many levels of symbolic links", link);
    check_refused(&workload, -ELOOP, sentence);
    CHECK_EQ(unlink(link), 0);
}

static void test_barrier(void) {
    _cleanup_(cleanup_free) char *message = NULL;
    Workload workload = SHELL("exit 0");
    char procs[64] = "", expected[16];
    uint64_t ticks;
    Spawned *spawned;
    int leaf_fd;
    unsigned leaf = make_leaf(&leaf_fd);
    SpawnSpec spec = spec_of(&workload, leaf_fd);

    CHECK_EQ(spawn_begin(&spec, &spawned, &message), 0);
    int procs_fd = openat(leaf_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    CHECK(read(procs_fd, procs, sizeof procs - 1) > 0);
    close(procs_fd);
    snprintf(expected, sizeof expected, "%d\n", spawned_pid(spawned));
    CHECK_STREQ(procs, expected);
    CHECK_EQ(process_start_ticks(spawned_pid(spawned), &ticks), 0);
    CHECK_EQ(ticks, spawned_start_ticks(spawned));
    CHECK(spawned_pidfd(spawned) >= 0);
    CHECK(!spawn_abandon(spawned));
    check_no_children();
    close(leaf_fd);
    remove_leaf(leaf);
}

/* The daemon dies between clone and exec: the child goes too, and never was the payload. */
static void test_barrier_without_daemon(void) {
    Workload workload = SHELL("sleep 100");
    int leaf_fd;
    unsigned leaf = make_leaf(&leaf_fd);
    SpawnSpec spec = spec_of(&workload, leaf_fd);

    pid_t daemon = fork();
    if (daemon == 0) {
        char *message;
        Spawned *spawned;

        _exit(spawn_begin(&spec, &spawned, &message) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    int status;
    CHECK_EQ(waitpid(daemon, &status, 0), daemon);
    CHECK_EQ(status, 0);
    CHECK_EQ(cgroup_wait_empty(leaf_fd, 5000000), 0);
    close(leaf_fd);
    remove_leaf(leaf);
}

static void test_exits(void) {
    static const struct {
        const char *script;
        int code;
        bool signaled;
    } cases[] = {
        { "exit 0", 0, false },
        { "exit 7", 7, false },
        { "kill -SEGV $$", SIGSEGV, true },
        { "kill -HUP $$; exit 1", SIGHUP, true },
        { "kill -PIPE $$; exit 1", SIGPIPE, true },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        Workload workload = SHELL(cases[i].script);
        Launched launched;

        launch(&workload, &launched);
        Exit ended = await(&launched);
        CHECK(ended.known && !ended.oom_killed && ended.at_usec > 0);
        CHECK_EQ(ended.code, cases[i].code);
        CHECK_EQ(ended.signaled, cases[i].signaled);
        finish(&launched);
    }
}

static void test_cpu_time(void) {
    Workload workload = PAYLOAD("burn");
    Launched launched;
    Exit ended;

    launch(&workload, &launched);
    CHECK_EQ(process_reap(&launched.process, &ended), -EAGAIN);
    ended = await(&launched);
    if (ended.cpu_usec < BURN_MSEC * 1000 || ended.cpu_usec > BURN_MSEC * 4000)
        CHECK_FAIL("CPU time of a grandchild that burns %d ms: %" PRIu64 " us", BURN_MSEC, ended.cpu_usec);
    finish(&launched);
}

static void test_signal_and_kill(void) {
    Workload workload = SHELL("exec sleep 100");
    Launched launched;

    launch(&workload, &launched);
    CHECK_EQ(process_signal(&launched.process, SIGTERM), 0);
    CHECK_EQ(await(&launched).code, SIGTERM);
    CHECK_EQ(process_signal(&launched.process, SIGTERM), -ESRCH);
    finish(&launched);
}

static void test_storm(void) {
    Workload workload = PAYLOAD("storm");
    Launched launched;

    launch(&workload, &launched);
    usleep(100000);
    process_signal(&launched.process, SIGTERM);
    CHECK_EQ(process_kill(&launched.process), 0);
    CHECK_EQ(await(&launched).code, SIGKILL);
    CHECK_EQ(cgroup_wait_empty(launched.process.leaf_fd, 5000000), 0);
    finish(&launched);
}

static void test_adopt(void) {
    Workload workload = SHELL("exec sleep 100");
    Launched launched;
    Process adopted;
    uint64_t ticks;
    Exit ended;

    launch(&workload, &launched);
    pid_t pid = launched.process.pid;
    CHECK_EQ(process_start_ticks(pid, &ticks), 0);
    CHECK_EQ(process_adopt(&adopted, pid, ticks + 1, dup(launched.process.leaf_fd)), -ESRCH);
    CHECK_EQ(process_adopt(&adopted, 0, ticks, dup(launched.process.leaf_fd)), -ESRCH);
    CHECK_EQ(process_adopt(&adopted, pid, ticks, dup(launched.process.leaf_fd)), 0);
    CHECK(!adopted.is_child);
    CHECK_EQ(process_reap(&adopted, &ended), -EAGAIN);
    CHECK_EQ(process_kill(&adopted), 0);
    CHECK_EQ(poll(&(struct pollfd){ .fd = adopted.pidfd, .events = POLLIN }, 1, END_TIMEOUT_MSEC), 1);
    CHECK_EQ(process_reap(&adopted, &ended), 0);
    Process zombie;
    CHECK_EQ(process_adopt(&zombie, pid, ticks, dup(launched.process.leaf_fd)), -ESRCH);
    CHECK(!ended.known && ended.at_usec > 0);
    process_done(&adopted);
    await(&launched);
    finish(&launched);
    CHECK_EQ(process_adopt(&adopted, pid, ticks, open("/dev/null", O_RDONLY | O_CLOEXEC)), -ESRCH);
}

static void run_shell(const char *script, OutputKind output, const char *path) {
    Workload workload = SHELL(script);
    Launched launched;

    workload.exec.output.kind = output;
    workload.exec.output.path = (char *) path;
    launch(&workload, &launched);
    CHECK_EQ(await(&launched).code, 0);
    finish(&launched);
}

static void check_content(const char *path, const char *expected) {
    char text[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    struct stat st;

    CHECK(n >= 0);
    text[n] = '\0';
    CHECK_STREQ(text, expected);
    CHECK(fstat(fd, &st) == 0);
    CHECK_EQ(st.st_mode & 0777, 0644);
    close(fd);
}

static void test_output(void) {
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/log", directory);
    run_shell("echo one; echo two >&2", OUTPUT_FILE, path);
    check_content(path, "one\ntwo\n");
    run_shell("echo three", OUTPUT_FILE, path); /* from the beginning, and no more than that: as systemd has it */
    check_content(path, "three\no\n");
    run_shell("echo four; echo five >&2", OUTPUT_APPEND, path);
    check_content(path, "three\no\nfour\nfive\n");
    run_shell("echo six; read nothing && exit 1; test $(readlink /proc/$$/fd/0) = /dev/null", OUTPUT_NULL, NULL);
}

/* Without a journal the daemon's stderr takes what the payload says; with one it goes there. Both start. */
static void test_journal(void) {
    run_shell(":", OUTPUT_JOURNAL, NULL);
}

/* The same where a sandbox forbids clone3, as Docker's did: fork and cgroup.procs. */
static void test_fallback(const struct rlimit *inherited) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = ELEMENTSOF(filter), .filter = filter };
    int status;

    pid_t pid = fork();
    if (pid == 0) {
        CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
        test_clean_state(inherited);
        test_barrier();
        test_failures_in_words();
        _exit(EXIT_SUCCESS);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    n_leaves += FALLBACK_LEAVES_MAX;
}

/* --- what a start costs ----------------------------------------------------------------------------------------- */

static char *const true_arguments[] = { (char *) "/bin/true", NULL };

static void bare_fork(void) {
    pid_t pid = fork();

    if (pid == 0) {
        execve(true_arguments[0], true_arguments, null_environment);
        _exit(EXIT_FAILURE);
    }
    waitpid(pid, NULL, 0);
}

static void bare_vfork(void) {
    pid_t pid;

    CHECK_EQ(posix_spawn(&pid, true_arguments[0], NULL, NULL, true_arguments, null_environment), 0);
    waitpid(pid, NULL, 0);
}

static void ours(void) {
    Workload workload = workload_of((char **) true_arguments);
    CgroupMark mark = { .leaf = true, .kind = GROUP_WORKLOAD, .name = "web", .invocation = invocation };
    char *message = NULL;
    Spawned *spawned;
    Launched launched = {};
    int leaf_fd, pidfd;

    launched.leaf = make_leaf(&leaf_fd);
    CHECK_EQ(cgroup_mark_write(leaf_fd, &mark), 0);
    SpawnSpec spec = spec_of(&workload, leaf_fd);
    CHECK_EQ(spawn_begin(&spec, &spawned, &message), 0);
    mark.main_pid = spawned_pid(spawned);
    mark.main_start_ticks = spawned_start_ticks(spawned);
    CHECK_EQ(cgroup_mark_write(leaf_fd, &mark), 0);
    CHECK_EQ(let_go(spawned, &pidfd, &message), 0);
    CHECK_EQ(process_hold(&launched.process, mark.main_pid, pidfd, leaf_fd, true), 0);
    await(&launched);
    process_done(&launched.process);
    remove_leaf(launched.leaf);
}

static double now_usec(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

static void bench(void) {
    static const struct {
        const char *name;
        void (*run)(void);
    } ways[] = { { "fork + exec", bare_fork }, { "vfork + exec", bare_vfork }, { "cgroup start", ours } };
    static double usec[ELEMENTSOF(ways)][BENCH_RUNS];

    for (unsigned run = 0; run < BENCH_RUNS; run++)
        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
            double begin = now_usec();

            ways[i].run();
            usec[i][run] = now_usec() - begin;
        }
    for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
        qsort(usec[i], BENCH_RUNS, sizeof(double), by_value);
        printf("/bin/true, start to exit, %-12s  median %6.0f us  %.2f x fork + exec\n", ways[i].name,
                usec[i][BENCH_RUNS / 2], usec[i][BENCH_RUNS / 2] / usec[0][BENCH_RUNS / 2]);
    }
}

/* --- main ------------------------------------------------------------------------------------------------------- */

static void inherit_capabilities(void) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    CHECK_EQ(syscall(SYS_capget, &header, data), 0);
    for (size_t i = 0; i < ELEMENTSOF(data); i++)
        data[i].inheritable = data[i].permitted;
    CHECK_EQ(syscall(SYS_capset, &header, data), 0);
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0), 0);
}

/* Nothing of this may reach a payload. Returns the limit that should, by what it was before. */
static struct rlimit make_untidy(void) {
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

int main(int argc, char *argv[]) {
    if (argc > 1)
        return payload(argv[1]);
    if (geteuid() != 0) {
        puts("skipped: makes cgroups and changes users, which takes root");
        return 77;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(n > 0);
    test_pid = getpid();
    atexit(clean_up);
    signal(SIGALRM, on_deadline);
    signal(SIGINT, on_deadline);
    alarm(TEST_TIMEOUT_SEC);
    make_base();
    struct rlimit inherited = make_untidy();

    test_cgroup_life();
    test_clean_state(&inherited);
    test_environment();
    test_user();
    test_network();
    test_failures_in_words();
    test_barrier();
    test_barrier_without_daemon();
    test_exits();
    test_cpu_time();
    test_signal_and_kill();
    test_storm();
    test_adopt();
    test_output();
    test_journal();
    test_fallback(&inherited);
    bench();
    return 0;
}
