/* SPDX-License-Identifier: GPL-2.0-or-later */

/* CPU lists: what is accepted, and how it is written back. */

#include "base/cpu-set.h"

#include <errno.h>

#include "base/cleanup.h"
#include "unit/check.h"

static const struct {
    const char *text;
    int result;
    const char *canonical;
} lists[] = {
    { "", 0, "" },
    { "0", 0, "0" },
    { "0-3,8", 0, "0-3,8" },
    { "8,3,2,1,0", 0, "0-3,8" },
    { "1-2,2-5,4", 0, "1-5" },
    { "5-5", 0, "5" },
    { "63-64", 0, "63-64" },
    { "0-1023", 0, "0-1023" },
    { "1023", 0, "1023" },
    { "007", 0, "7" },
    { "1024", -ERANGE, NULL },
    { "0-1024", -ERANGE, NULL },
    { "99999999999999999999", -ERANGE, NULL },
    { "3-1", -EINVAL, NULL },
    { "0,", -EINVAL, NULL },
    { ",0", -EINVAL, NULL },
    { "0,,1", -EINVAL, NULL },
    { "0 1", -EINVAL, NULL },
    { " 0", -EINVAL, NULL },
    { "0 ", -EINVAL, NULL },
    { "-1", -EINVAL, NULL },
    { "1-", -EINVAL, NULL },
    { "1-2-3", -EINVAL, NULL },
    { "+1", -EINVAL, NULL },
    { "0x1", -EINVAL, NULL },
    { "0-10:2/4", -EINVAL, NULL },
    { "all", -EINVAL, NULL },
};

static void test_lists(void) {
    char text[CPU_LIST_TEXT_MAX];

    for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
        CpuSet set = { .bits[0] = 42 };

        int r = cpu_set_parse(lists[i].text, &set);
        if (r != lists[i].result)
            CHECK_FAIL("\"%s\" gives %d, expected %d", lists[i].text, r, lists[i].result);
        if (r < 0) {
            CHECK_EQ(set.bits[0], 42);
            continue;
        }
        CHECK_EQ(cpu_set_format(&set, text, sizeof(text)), 0);
        CHECK_STREQ(text, lists[i].canonical);
    }
}

static void test_longest_list(void) {
    char text[CPU_LIST_TEXT_MAX];
    CpuSet set = { 0 }, again;

    for (unsigned cpu = 1; cpu < CPUS_MAX; cpu += 2)
        cpu_set_add(&set, cpu);
    CHECK_EQ(cpu_set_format(&set, text, sizeof(text)), 0);
    CHECK_EQ(cpu_set_parse(text, &again), 0);
    CHECK(cpu_set_equal(&set, &again));
    CHECK_EQ(cpu_set_count(&set), CPUS_MAX / 2);
}

static void test_format_without_room(void) {
    char text[4] = "old";
    CpuSet set;

    CHECK_EQ(cpu_set_parse("10-12", &set), 0);
    CHECK_EQ(cpu_set_format(&set, text, sizeof(text)), -ENOSPC);
    CHECK_STREQ(text, "old");
    CHECK_EQ(cpu_set_parse("100", &set), 0);
    CHECK_EQ(cpu_set_format(&set, text, sizeof(text)), 0);
    CHECK_STREQ(text, "100");
}

static void test_members(void) {
    CpuSet a, b, both;

    CHECK_EQ(cpu_set_parse("0-3,64", &a), 0);
    CHECK_EQ(cpu_set_parse("2-70", &b), 0);
    both = cpu_set_intersect(&a, &b);
    CHECK_EQ(cpu_set_count(&both), 3);
    CHECK(cpu_set_has(&both, 2) && cpu_set_has(&both, 3) && cpu_set_has(&both, 64));
    CHECK(!cpu_set_has(&both, 0));
    CHECK(!cpu_set_has(&both, CPUS_MAX));
    CHECK(!cpu_set_equal(&a, &b));
}

static void test_walk(void) {
    char text[CPU_LIST_TEXT_MAX];
    CpuSet set, copy = { 0 };

    CHECK_EQ(cpu_set_parse("0,5,63-65,200,1023", &set), 0);
    FOREACH_CPU (cpu, &set)
        cpu_set_add(&copy, cpu);
    CHECK_EQ(cpu_set_format(&copy, text, sizeof(text)), 0);
    CHECK_STREQ(text, "0,5,63-65,200,1023");
    CHECK_EQ(cpu_set_next(&set, 1023), 1023);
    CHECK_EQ(cpu_set_next(&set, 1024), CPUS_MAX);
    CHECK_EQ(cpu_set_next(&(CpuSet){ 0 }, 0), CPUS_MAX);
}

int main(void) {
    test_lists();
    test_longest_list();
    test_format_without_room();
    test_members();
    test_walk();
    return 0;
}
