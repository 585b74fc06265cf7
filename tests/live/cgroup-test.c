/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One cgroup from its making to its removal: what it says of itself, its mark, what goes with it and what does not. */

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/cgroup.h"
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

int main(int argc, char *argv[]) {
    fixture_begin(argc, argv);
    test_cgroup_life();
    return 0;
}
