/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Kills the daemon again and again, at random instants of a random life, and looks at everything each time that another has
 * come back:
 *
 *     soak [--kills N] [--workloads N] [--seed S] [--keep-going] [--verbose]
 *
 * Ends with a line of figures, and is non-zero when anything was not as it should be. The seed makes the same acts again;
 * what the kernel makes of their timing is its own.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strv.h"
#include "tests/soak/soak.h"

enum {
    VIOLATIONS_MAX = 40, /* that are told of */
    EMPTY_PATIENCE_USEC = 60 * 1000 * 1000,
};

Soak soak = { .kills = 20, .n_workloads = 100, .life_msec = 1500, .pause_msec = 400 };

uint64_t clock_usec(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * USEC_PER_SEC + t.tv_nsec / NSEC_PER_USEC;
}

/* --- what is made, and goes -------------------------------------------------------------------------------------- */

static int remove_tree(const char *path) {
    const char *arguments[] = { "rm", "-rf", "--", path, NULL };
    pid_t pid = fork();
    if (pid == 0) {
        execvp(arguments[0], (char **) arguments);
        _exit(EXIT_FAILURE);
    }
    return pid < 0 || waitpid(pid, NULL, 0) < 0 ? -errno : 0;
}

static void kill_groups(const char *path) {
    char below[PATH_MAX];
    _cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    file_write_at(fd, "cgroup.kill", "1");
    snprintf(below, sizeof below, "find %s -depth -type d -exec rmdir {} + 2>/dev/null", path);
    for (unsigned i = 0; i < 100 && access(path, F_OK) == 0; i++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        if (system(below) < 0)
            return;
        usleep(20 * 1000);
    }
}

static void clean_up(void) {
    char path[128];
    if (soak.daemon > 0) {
        kill(soak.daemon, SIGKILL);
        waitpid(soak.daemon, NULL, 0);
    }
    kill_groups(soak.cgroup_dir);
    snprintf(path, sizeof path, "/sys/fs/bpf/%s", soak.instance);
    remove_tree(path);
    remove_tree(soak.runtime_dir);
    snprintf(path, sizeof path, "ip link delete svs%u 2>/dev/null", (unsigned) getpid());
    if (soak.has_networks && system(path) < 0)
        return;
}

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list arguments) {
    printf("round %u: ", soak.round);
    vprintf(format, arguments);
    putchar('\n');
    fflush(stdout);
}

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    clean_up();
    _exit(EXIT_FAILURE);
}

void violation(unsigned *counter, const char *format, ...) {
    va_list arguments;
    const Tally *t = &soak.tally;
    (*counter)++;
    if (t->deaths + t->duplicates + t->steps_back + t->leaks + t->wrong_exits + t->others > VIOLATIONS_MAX)
        return;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

/* --- preparing --------------------------------------------------------------------------------------------------- */

static void map_board(void) {
    char path[128];
    snprintf(path, sizeof path, "%s/board", soak.dir);
    _cleanup_(cleanup_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(Board)) < 0)
        die("cannot make %s: %s", path, strerror(errno));
    soak.board = mmap(NULL, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (soak.board == MAP_FAILED)
        die("cannot map %s: %s", path, strerror(errno));
    soak.board->seed = (uint32_t) soak.seed;
    soak.board->life_msec = soak.life_msec;
}

static void set_calm(uint32_t calm) {
    __atomic_store_n(&soak.board->calm, calm, __ATOMIC_SEQ_CST);
    if (!calm)
        syscall(SYS_futex, &soak.board->calm, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void find_cgroups(void) {
    char line[512], mount[256] = "", text[256] = "";
    FILE *mounts = fopen("/proc/mounts", "re");
    while (mounts && !*mount && fgets(line, sizeof line, mounts))
        if (sscanf(line, "%*s %255s cgroup2", mount) != 1 || !strstr(line, " cgroup2 "))
            *mount = '\0';
    if (mounts)
        fclose(mounts);
    _cleanup_(cleanup_close) int fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || file_read_at(fd, "cgroup.controllers", text, sizeof text) < 0)
        die("cannot find cgroup v2");
    soak.has_pids = strstr(text, "pids");
    soak.has_cpu = strstr(text, "cpu ");
    soak.has_networks = true;
    snprintf(soak.cgroup_dir, sizeof soak.cgroup_dir, "%.200s/%s", mount, soak.instance);
}

static void prepare(void) {
    char path[128];
    snprintf(soak.instance, sizeof soak.instance, "svtest-%d", getpid());
    snprintf(soak.dir, sizeof soak.dir, "/run/%s-soak", soak.instance);
    snprintf(soak.runtime_dir, sizeof soak.runtime_dir, "/run/%s", soak.instance);
    snprintf(soak.pin_dir, sizeof soak.pin_dir, "/sys/fs/bpf/%s/v1", soak.instance);
    snprintf(path, sizeof path, "%s/policy", soak.dir);
    int r = directory_make(path, 0755);
    if (r < 0)
        die("cannot make %s: %s", path, strerror(-r));
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    soak.chance.state = soak.seed;
    find_cgroups();
    map_board();
}

/* --- rounds ------------------------------------------------------------------------------------------------------ */

static uint64_t some_usec(void) {
    return (1 + chance_below(&soak.chance, soak.pause_msec)) * USEC_PER_MSEC;
}

static void first_round(void) {
    set_calm(1);
    fleet_make();
    fleet_write_policy();
    daemon_start();
    check_settle();
    check_all();
}

static void next_round(void) {
    fleet_begin_round();
    set_calm(0);
    churn(some_usec());
    churn_without_daemon(some_usec());
    fleet_note_dead();
    daemon_start();
    set_calm(1);
    check_settle();
    check_all();
}

static bool is_empty(void) {
    fleet_learn();
    sd_bus_message *reply = daemon_must("Plan", NULL);
    int r = sd_bus_message_enter_container(reply, 'a', "s");
    bool empty = r >= 0 && sd_bus_message_at_end(reply, false) > 0;
    sd_bus_message_unref(reply);
    return empty && fleet_alive(NULL) == 0 && count_links() == 0;
}

/* All is taken out of the policy. */
static void last_round(void) {
    char path[128];
    for (unsigned i = 0; i < soak.fleet.n; i++)
        soak.fleet.members[i].exists = false;
    snprintf(path, sizeof path, "%s/policy/10-soak.ini", soak.dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/transient", soak.runtime_dir);
    remove_tree(path);
    mkdir(path, 0700);
    sd_bus_message_unref(daemon_must("Reload", NULL));
    for (uint64_t deadline = clock_usec(CLOCK_MONOTONIC) + EMPTY_PATIENCE_USEC;
            !is_empty() && clock_usec(CLOCK_MONOTONIC) < deadline;)
        usleep(20 * 1000);
    check_empty();
    soak.missed_exits = traces_missed_runs("exits");
    daemon_stop();
}

static int report(double seconds) {
    const Tally *t = &soak.tally;
    printf("%u rounds with %u workloads in %.0f s; %u exits and %u times of ends told right, %u ends not told any "
           "more\n",
            soak.round, soak.n_workloads, seconds, t->right_exits, t->right_times, t->untold_exits);
    printf("the kernel left out %" PRIu64 " runs of the eBPF program that remembers exits\n", soak.missed_exits);
    printf("%u kills: deaths %u, duplicates %u, steps back %u, leaks %u, wrong exits %u, unknown exits %u, other "
           "faults %u\n",
            soak.round, t->deaths, t->duplicates, t->steps_back, t->leaks, t->wrong_exits, t->unknown_exits, t->others);
    bool failed = t->deaths || t->duplicates || t->steps_back || t->leaks || t->wrong_exits || t->others;
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool has_failed(void) {
    const Tally *t = &soak.tally;
    return t->deaths || t->duplicates || t->steps_back || t->leaks || t->wrong_exits || t->others;
}

/* --- arguments --------------------------------------------------------------------------------------------------- */

static const struct option options[] = {
    { "kills", required_argument, NULL, 'k' },
    { "workloads", required_argument, NULL, 'w' },
    { "seed", required_argument, NULL, 's' },
    { "keep-going", no_argument, NULL, 'g' },
    { "verbose", no_argument, NULL, 'v' },
    {},
};

static _Noreturn void usage(void) {
    fprintf(stderr, "usage: soak [--kills N] [--workloads N] [--seed S] [--keep-going] [--verbose]\n");
    exit(2);
}

static void parse_arguments(int argc, char **argv) {
    soak.seed = clock_usec(CLOCK_REALTIME);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;)
        switch (option) {
        case 'k':
            soak.kills = strtoul(optarg, NULL, 10);
            break;
        case 'w':
            soak.n_workloads = strtoul(optarg, NULL, 10);
            break;
        case 's':
            soak.seed = strtoull(optarg, NULL, 10);
            break;
        case 'g':
            soak.keeps_going = true;
            break;
        case 'v':
            soak.verbose = true;
            break;
        default:
            usage();
        }
    if (optind < argc || soak.n_workloads < 10)
        usage();
}

/* Beside this program. */
static void find_programs(void) {
    static char supervisord[PATH_MAX], work[PATH_MAX];
    char here[PATH_MAX - 64];
    ssize_t n = readlink("/proc/self/exe", here, sizeof here - 1);
    if (n < 0)
        die("cannot find myself: %s", strerror(errno));
    here[n] = '\0';
    *strrchr(here, '/') = '\0';
    snprintf(supervisord, sizeof supervisord, "%s/../supervisord/supervisord", here);
    snprintf(work, sizeof work, "%s/soak-work", here);
    soak.supervisord = supervisord;
    soak.work = work;
}

int main(int argc, char **argv) {
    parse_arguments(argc, argv);
    find_programs();
    if (geteuid() != 0) {
        printf("skip - soak: needs root\n");
        return 77;
    }
    prepare();
    printf("soak: seed %" PRIu64 "\n", soak.seed);
    fflush(stdout);
    uint64_t began = clock_usec(CLOCK_MONOTONIC);
    first_round();
    while (soak.round < soak.kills && (soak.keeps_going || !has_failed())) {
        soak.round++;
        next_round();
    }
    last_round();
    int status = report((double) (clock_usec(CLOCK_MONOTONIC) - began) / USEC_PER_SEC);
    clean_up();
    if (status == EXIT_SUCCESS)
        remove_tree(soak.dir);
    return status;
}
