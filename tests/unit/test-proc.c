/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Texts of /proc/PID/, and names made to look like them. */

#include <errno.h>

#include "base/proc.h"
#include "unit/check.h"

static void test_cgroup(void) {
    CHECK(proc_cgroup_is_within("0::/tree\n", "/tree"));
    CHECK(proc_cgroup_is_within("0::/tree", "/tree"));
    CHECK(proc_cgroup_is_within("0::/tree/web/1\n", "/tree"));
    CHECK(proc_cgroup_is_within("12:pids:/x\n0::/tree/web\n", "/tree"));
    CHECK(proc_cgroup_is_within("0::/tree/web (deleted)\n", "/tree"));
    CHECK(!proc_cgroup_is_within("0::/trees\n", "/tree"));
    CHECK(!proc_cgroup_is_within("0::/\n", "/tree"));
    CHECK(!proc_cgroup_is_within("0::/other/tree\n", "/tree"));
    CHECK(!proc_cgroup_is_within("1:name=0::/tree:/tree\n0::/\n", "/tree"));
    CHECK(!proc_cgroup_is_within("4:memory:/tree\n", "/tree"));
    CHECK(!proc_cgroup_is_within("", "/tree"));
}

static void test_start(void) {
    uint64_t ticks = 0;

    CHECK_EQ(proc_stat_field("1 (a b) c) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23", 22, &ticks), 0);
    CHECK_EQ(ticks, 22);
    CHECK_EQ(proc_stat_field("1 (a) S 4 5", 22, &ticks), -EBADMSG);
    CHECK_EQ(proc_stat_field("1 a S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22", 22, &ticks), -EBADMSG);
    CHECK_EQ(proc_stat_field("1 (a) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 x", 22, &ticks), -EBADMSG);
    CHECK_EQ(proc_stat_field("", 22, &ticks), -EBADMSG);
    CHECK_EQ(ticks, 22);
}

int main(void) {
    test_cgroup();
    test_start();
    return EXIT_SUCCESS;
}
