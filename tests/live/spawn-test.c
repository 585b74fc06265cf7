/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Starting processes in real cgroups, as root. The test makes itself as unlike a payload's home as it can (ignored and
 * blocked signals, groups, capabilities, an inherited descriptor ...) and looks at what of it a payload sees.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strv.h"
#include "kernel/cgroup.h"
#include "kernel/relay.h"
#include "tests/live/spawn-fixture.h"

enum {
    OUTPUT_MAX = 64 * 1024,
    FALLBACK_LEAVES_MAX = 100,
};

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
/* There is no program beside this one, so that those who may start come no further than that. */
static const char *relay_refusal(unsigned at_most) {
    static char *message;
    RelaySpec spec = { .name = "web", .tree_fd = base_fd, .out_fd = STDOUT_FILENO, .at_most = at_most };
    int fd;

    free(message);
    message = NULL;
    CHECK(relay_start(&spec, &fd, &message) < 0);
    return message;
}

static void test_relays(void) {
    pid_t pid;
    int leaf_fd;
    char text[16];

    CHECK(strstr(relay_refusal(0), ": 0 run already"));
    pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    snprintf(text, sizeof text, "%d", (int) pid);
    CHECK_EQ(cgroup_open(base_fd, RELAY_LEAF, &leaf_fd), 0);
    CHECK_EQ(file_write_at(leaf_fd, "cgroup.procs", text), 0);
    CHECK(strstr(relay_refusal(1), ": 1 run already"));
    CHECK(strstr(relay_refusal(2), ": No such file or directory"));
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
    CHECK(strstr(relay_refusal(1), ": No such file or directory"));
    close(leaf_fd);
    CHECK_EQ(cgroup_remove(base_fd, RELAY_LEAF), 0);
}

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

int main(int argc, char *argv[]) {
    fixture_begin(argc, argv);
    struct rlimit inherited = fixture_untidy();

    test_clean_state(&inherited);
    test_environment();
    test_user();
    test_network();
    test_failures_in_words();
    test_barrier();
    test_barrier_without_daemon();
    test_output();
    test_journal();
    test_relays();
    test_fallback(&inherited);
    return 0;
}
