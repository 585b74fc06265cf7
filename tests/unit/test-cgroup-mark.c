/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Marks: what is written is read back, and only what fits wholly is believed. */

#include <errno.h>

#include "kernel/cgroup.h"
#include "model/node.h"
#include "unit/check.h"

#define ID "00112233445566778899aabbccddeeff"

enum { MUTATIONS = 200000 };

static void check_round_trip(const char *text) {
    CgroupMark mark;
    char again[CGROUP_MARK_TEXT_MAX];

    CHECK_EQ(cgroup_mark_parse(text, &mark), 0);
    CHECK_EQ(cgroup_mark_format(&mark, again, sizeof again), 0);
    CHECK_STREQ(again, text);
    for (size_t size = 0; size <= strlen(text); size++)
        CHECK_EQ(cgroup_mark_format(&mark, again, size), -ENOSPC);
}

static void test_round_trip(void) {
    CgroupMark mark;

    check_round_trip("v=1 kind=workload name=web slot=12");
    check_round_trip("v=1 kind=workload name=web slot=12 restarts=3");
    check_round_trip("v=1 kind=slice name=batch");
    check_round_trip("v=1 leaf=1 name=web invocation=" ID);
    check_round_trip("v=1 leaf=1 name=web invocation=" ID " pid=4711 start=123456");
    check_round_trip("v=1 leaf=1 name=web invocation=" ID " recipe=18446744073709551615");
    check_round_trip("v=1 leaf=1 name=web invocation=" ID " pid=4711 start=123456 recipe=77 stop=1");
    check_round_trip("v=1 leaf=1 name=web invocation=" ID " pid=4711 start=123456 oom=0");

    CHECK_EQ(cgroup_mark_parse("v=1 leaf=1 name=web invocation=" ID " pid=4711 start=123456", &mark), 0);
    CHECK(mark.leaf && mark.kind == GROUP_WORKLOAD && mark.slot == SLOT_NONE);
    CHECK_EQ(mark.main_pid, 4711);
    CHECK_EQ(mark.main_start_ticks, 123456);
}

static void test_unknown_keys(void) {
    CgroupMark mark;

    CHECK_EQ(cgroup_mark_parse("v=1 color=red kind=slice name=a size=", &mark), 0);
    CHECK_STREQ(mark.name, "a");
}

static void test_refused(void) {
    static const char *const texts[] = {
        "",
        "v=2 kind=slice name=a",
        "v=1",
        "v=1 ",
        "v=1 kind=slice",
        "v=1 name=a",
        "kind=slice name=a v=1",
        "v=1 kind=slice name=a kind=slice",
        "v=1 kind=slice name=a name=b",
        "v=1  kind=slice name=a",
        "v=1 kind=slice name=a ",
        "v=1 kind=slice name=a slot",
        "v=1 kind=slice name=a slot=-1",
        "v=1 kind=slice name=a slot=4294967295",
        "v=1 kind=workload name=a restarts=-1",
        "v=1 kind=network name=a",
        "v=1 kind=slice name=../a",
        "v=1 kind=slice name=",
        "v=1 kind=slice name=a pid=1 start=1",
        "v=1 leaf=1 kind=workload name=a invocation=" ID,
        "v=1 leaf=0 name=a invocation=" ID,
        "v=1 leaf=1 name=a",
        "v=1 leaf=1 name=a invocation=00000000000000000000000000000000",
        "v=1 leaf=1 name=a invocation=" ID " pid=1",
        "v=1 leaf=1 name=a invocation=" ID " start=1",
        "v=1 leaf=1 name=a invocation=" ID " pid=1 start=1 stop=2",
        "v=1 leaf=1 name=a invocation=" ID " pid=0 start=1",
        "v=1 leaf=1 name=a invocation=" ID " pid=4294967297 start=1",
        "v=1 leaf=1 name=a invocation=" ID " pid=1 start=1 slot=1",
        "v=1 leaf=1 name=a invocation=" ID " restarts=1",
        "v=1 leaf=1 name=a invocation=" ID " recipe=much",
        "v=1 kind=workload name=a recipe=1",
    };
    char longest[CGROUP_MARK_TEXT_MAX + 1] = "v=1 kind=slice name=a x=";
    CgroupMark mark = { .slot = 7 };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (cgroup_mark_parse(texts[i], &mark) != -EBADMSG)
            CHECK_FAIL("\"%s\" was believed", texts[i]);
    CHECK_EQ(mark.slot, 7);

    memset(longest + strlen(longest), 'y', sizeof longest - 1 - strlen(longest));
    CHECK_EQ(cgroup_mark_parse(longest, &mark), -EBADMSG);
    longest[CGROUP_MARK_TEXT_MAX - 1] = '\0';
    CHECK_EQ(cgroup_mark_parse(longest, &mark), 0);
}

/* Whatever is believed can be written again and then means the same. */
static void test_mutations(void) {
    static const char seed[] = "v=1 leaf=1 name=web invocation=" ID " pid=4711 start=123456";
    static const char letters[] = "= 0123456789abcdefkindslotname\n\x80";

    srandom(1);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        char text[sizeof seed], first[CGROUP_MARK_TEXT_MAX], second[CGROUP_MARK_TEXT_MAX];
        CgroupMark mark;

        memcpy(text, seed, sizeof seed);
        for (long n = random() % 4; n >= 0; n--)
            text[random() % (long) (sizeof seed - 1)] = letters[random() % (long) sizeof letters];
        if (cgroup_mark_parse(text, &mark) < 0)
            continue;
        CHECK_EQ(cgroup_mark_format(&mark, first, sizeof first), 0);
        CHECK_EQ(cgroup_mark_parse(first, &mark), 0);
        CHECK_EQ(cgroup_mark_format(&mark, second, sizeof second), 0);
        CHECK_STREQ(second, first);
    }
}

static void test_leaf_names(void) {
    static const char *const bad[] = { "", "0", "x", "x0", "x00000000", "x1", "x0000BEEF", "x0000beef1", "7a", "-1",
        "cpu.max" };
    char name[LEAF_NAME_SIZE];
    unsigned start = 0, session = 0;

    CHECK_STREQ(cgroup_leaf_name(7, 0, name), "7");
    CHECK_EQ(cgroup_leaf_parse(name, &start, &session), 0);
    CHECK(start == 7 && session == 0);
    CHECK_STREQ(cgroup_leaf_name(7, 0xbeef, name), "x0000beef");
    CHECK_EQ(cgroup_leaf_parse(name, &start, &session), 0);
    CHECK(start == 0 && session == 0xbeef);
    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        CHECK_EQ(cgroup_leaf_parse(bad[i], &start, &session), -EINVAL);
}

int main(void) {
    test_leaf_names();
    test_round_trip();
    test_unknown_keys();
    test_refused();
    test_mutations();
    return 0;
}
