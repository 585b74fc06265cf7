/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <mntent.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <net/if.h>

#include "tests/live/programs-fixture.h"

enum {
    EXIT_SKIP = 77,
    REMOVE_TRIES = 6000, /* of 10 msec */
};

int tree_fd = -1;

uint64_t now_nsec(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * NSEC_PER_SEC + (uint64_t) now.tv_nsec;
}

void write_file(int dir_fd, const char *name, const char *text) {
    _cleanup_(cleanup_close) int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, strlen(text)), (ssize_t) strlen(text));
}

int make_cgroup(int dir_fd, const char *name, uint64_t *ret_id) {
    struct stat st;
    int fd;

    CHECK_EQ(mkdirat(dir_fd, name, 0755), 0);
    fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQ(fstat(fd, &st), 0);
    *ret_id = st.st_ino;
    return fd;
}

Workload make_workload(Programs *programs, const char *name) {
    Workload w;

    w.owner_fd = make_cgroup(tree_fd, name, &w.owner_id);
    w.leaf_fd = make_cgroup(w.owner_fd, "1", &w.leaf_id);
    CHECK_EQ(programs_slot_alloc(programs, &w.slot), 0);
    CHECK_EQ(programs_bind(programs, w.owner_fd, w.owner_id, w.slot, SLOT_ROLE_OWNER), 0);
    CHECK_EQ(programs_bind(programs, w.leaf_fd, w.leaf_id, w.slot, SLOT_ROLE_LEAF), 0);
    return w;
}

void remove_workload(Programs *programs, Workload *w, const char *name) {
    CHECK_EQ(programs_unbind(programs, w->leaf_fd, w->leaf_id), 0);
    CHECK_EQ(programs_unbind(programs, -1, w->owner_id), 0);
    CHECK_EQ(programs_slot_free(programs, w->slot), 0);
    CHECK_EQ(unlinkat(w->owner_fd, "1", AT_REMOVEDIR), 0);
    CHECK_EQ(unlinkat(tree_fd, name, AT_REMOVEDIR), 0);
    close(w->leaf_fd);
    close(w->owner_fd);
}

struct slot read_slot(Programs *programs, uint32_t slot) {
    struct slot counts;

    CHECK_EQ(programs_read_slot(programs, slot, &counts), 0);
    return counts;
}

void join(int cgroup_fd) {
    write_file(cgroup_fd, "cgroup.procs", "0");
}

int wait_for(pid_t pid) {
    int status;

    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

Programs *open_programs(bool no_storage) {
    ProgramsConfig config = { .pin_dir = PIN_ROOT, .tree_fd = tree_fd, .slots_max = SLOTS, .no_storage = no_storage };
    Programs *programs = NULL;
    uint64_t before = now_nsec();

    CHECK_EQ(programs_open(&config, &programs), 0);
    printf("opened in %.1f ms, %" PRIu64 " bytes of maps\n", (double) (now_nsec() - before) / 1e6,
            programs_map_bytes(programs));
    return programs;
}

static bool is_loaded(Programs *programs, const char *name) {
    ProgramState states[16];
    size_t n = programs_states(programs, states, ELEMENTSOF(states));

    CHECK(n <= ELEMENTSOF(states));
    for (size_t i = 0; i < n; i++)
        if (strcmp(states[i].name, name) == 0)
            return states[i].loaded;
    CHECK_FAIL("there is no program %s", name);
}

void check_states(Programs *programs) {
    static const char *const needed[] = { "maps", "wait", "block_complete", "net_receive", "net_transmit", "exits",
        "cgroups" };
    ProgramState states[16];
    size_t n = programs_states(programs, states, ELEMENTSOF(states));

    for (size_t i = 0; i < n; i++)
        printf("  %-15s %-19s %-6s %s\n", states[i].name, states[i].hook, states[i].loaded ? "loaded" : "-",
                states[i].reason);
    for (size_t i = 0; i < ELEMENTSOF(needed); i++)
        CHECK(is_loaded(programs, needed[i]));
}

uint64_t start_ticks(pid_t pid) {
    char path[64], text[1024] = "", *fields;
    uint64_t ticks;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    CHECK((fields = strrchr(text, ')')));
    CHECK_EQ(sscanf(fields + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
                     &ticks),
            1);
    return ticks;
}

uint64_t histogram_sum(const uint64_t *histogram) {
    uint64_t sum = 0;

    for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
        sum += histogram[i];
    return sum;
}

/* The fixture. */

bool tree_has(const char *controller) {
    int fd = openat(tree_fd, "cgroup.controllers", O_RDONLY | O_CLOEXEC);
    char text[256] = "";

    CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) >= 0);
    close(fd);
    return strstr(text, controller);
}

static bool find_cgroup2(char *ret, size_t size) {
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    struct mntent *entry;
    bool found = false;

    CHECK(mounts);
    while (!found && (entry = getmntent(mounts)))
        if (strcmp(entry->mnt_type, "cgroup2") == 0) {
            CHECK(snprintf(ret, size, "%s", entry->mnt_dir) < (int) size);
            found = true;
        }
    endmntent(mounts);
    return found;
}

/* Whatever of our tree a failed test left, deepest first. */
static void remove_tree(const char *path) {
    char command[1280];

    snprintf(command, sizeof(command), "[ ! -d '%s' ] || find '%s' -depth -type d -exec rmdir {} + 2>/dev/null", path,
            path);
    for (int i = 0; i < REMOVE_TRIES && access(path, F_OK) == 0; i++) {
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0) {
            int kill_fd = openat(fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);

            if (kill_fd >= 0 && write(kill_fd, "1", 1) < 0)
                perror("cgroup.kill");
            close_fd(kill_fd);
            close(fd);
        }
        if (system(command) != 0)
            usleep(10000);
    }
}

static void bring_loopback_up(void) {
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    _cleanup_(cleanup_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK_EQ(ioctl(fd, SIOCSIFFLAGS, &request), 0);
}

static void enter_namespaces(void) {
    CHECK_EQ(unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
    CHECK_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    CHECK_EQ(mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL), 0);
    bring_loopback_up();
}

/* As the daemon does. Those that are not there, as on a hybrid host, are just not. */
static void enable_controllers(void) {
    static const char *const names[] = { "+cpu", "+io", "+memory", "+pids" };
    _cleanup_(cleanup_close) int fd = openat(tree_fd, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        if (write(fd, names[i], strlen(names[i])) < 0)
            CHECK_EQ(errno, ENOENT);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place) {
    return remove(path);
}

void unpin(void) {
    enum { DIRECTORIES_AT_ONCE = 8 };

    CHECK(nftw(PIN_ROOT, remove_one, DIRECTORIES_AT_ONCE, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT);
}

static void run_test(const char *path, void (*test)(void)) {
    enter_namespaces();
    tree_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(tree_fd >= 0);
    enable_controllers();
    test();
    unpin();
}

int run_in_fixture(int argc, char *argv[], void (*test)(void)) {
    char mount_point[256], path[512];
    bool controllers = argc > 1 && strcmp(argv[1], "--controllers") == 0;
    int fd, status;
    pid_t pid;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (geteuid() != 0 || !find_cgroup2(mount_point, sizeof(mount_point))) {
        printf("skipped: needs root and cgroup2\n");
        return EXIT_SKIP;
    }
    fd = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    if (controllers)
        write_file(fd, "cgroup.subtree_control", "+cpu +io +memory +pids");
    snprintf(path, sizeof(path), "%s/supervisord-programs-test-%d", mount_point, getpid());
    CHECK_EQ(mkdir(path, 0755), 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        run_test(path, test);
        exit(EXIT_SUCCESS);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    remove_tree(path);
    printf("%s\n", status == 0 ? "ok" : "FAILED");
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
