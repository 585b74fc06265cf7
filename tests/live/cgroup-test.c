/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One cgroup from its making to its removal: what it says of itself, its mark, what goes with it and what does not; and who is in it. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/cgroup.h"
#include "kernel/roll.h"
#include "kernel/tree.h"
#include "tests/live/spawn-fixture.h"

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

enum { CROWD = 20, PORTION = 8 };

/* In the leaf and in what it made inside; each waits for a signal that ends it. */
static void gather(int leaf_fd, pid_t ret[static CROWD]) {
    CHECK_EQ(mkdirat(leaf_fd, "inside", 0755), 0);
    for (unsigned i = 0; i < CROWD; i++) {
        ret[i] = fork();
        if (ret[i] == 0) {
            for (;;)
                pause();
        }
        char pid[16];
        snprintf(pid, sizeof pid, "%d", (int) ret[i]);
        CHECK_EQ(file_write_at(leaf_fd, i % 2 ? "cgroup.procs" : "inside/cgroup.procs", pid), 0);
    }
}

/* A process that has left and one that has ended are on the list, but get nothing. */
static void test_roll(void) {
    _cleanup_(cleanup_roll_free) Roll *roll = NULL;
    _cleanup_(cleanup_free) char *mount = NULL;
    const int signals[] = { SIGUSR1, SIGCONT, 0 };
    pid_t pids[CROWD];
    char left[16];
    unsigned portions = 1;
    int fd, status;
    unsigned leaf = make_leaf(&fd);

    gather(fd, pids);
    CHECK_EQ(tree_find_mount(&mount), 0);
    CHECK_EQ(roll_take(fd, mount, &roll), 0);
    snprintf(left, sizeof left, "%d", (int) pids[0]);
    CHECK_EQ(file_write_at(base_fd, "cgroup.procs", left), 0);
    CHECK(kill(pids[1], SIGKILL) == 0 && waitpid(pids[1], &status, 0) == pids[1]);
    while (roll_signal(roll, signals, PORTION))
        portions++;
    CHECK_EQ(portions, (CROWD + PORTION - 1) / PORTION);
    CHECK_EQ(roll_n_signaled(roll), CROWD - 2);
    for (unsigned i = 2; i < CROWD; i++)
        CHECK(waitpid(pids[i], &status, 0) == pids[i] && WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
    CHECK_EQ(waitpid(pids[0], &status, WNOHANG), 0);
    CHECK(kill(pids[0], SIGKILL) == 0 && waitpid(pids[0], &status, 0) == pids[0]);
    remove_leaf(leaf);
    close(fd);
}

int main(int argc, char *argv[]) {
    fixture_begin(argc, argv);
    test_cgroup_life();
    test_roll();
    return 0;
}
