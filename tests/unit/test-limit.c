/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The limits table: from policy text to what the kernel is told, and to people. */

#include "model/knob.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "unit/check.h"

static const LimitScale scale = {
    .memory_total_bytes = UINT64_C(8000001) << 10, .page_bytes = 4096, .tasks_total = 32768
};

static void test_rows(void) {
    for (size_t i = 0; i < LIMITS_COUNT; i++) {
        const Limit *limit = &limits[i];

        CHECK_EQ(limit->id, i);
        CHECK(limit_by_key(limit->key) == limit);
        CHECK(limit->unit && limit->help && limit->expects);
        CHECK(limit->help[strlen(limit->help) - 1] != '.');
        CHECK_EQ(limit->kind != LIMIT_KIND_SET, limit->parse && limit->show);
    }
    CHECK(limit_by_key("cpuweight") == NULL);
    CHECK(limit_by_key("") == NULL);
}

/* Policy text -> canonical text -> people's words. */
static const struct {
    const char *key, *text;
    int result;
    const char *canonical, *shown;
} assignments[] = {
    { "CPUWeight", "300", 0, "300", "300" },
    { "CPUWeight", "1", 0, "1", "1" },
    { "CPUWeight", "10000", 0, "10000", "10000" },
    { "CPUWeight", "0", -ERANGE, NULL, NULL },
    { "CPUWeight", "10001", -ERANGE, NULL, NULL },
    { "CPUWeight", "infinity", -EINVAL, NULL, NULL },
    { "CPUWeight", "idle ", -EINVAL, NULL, NULL },
    { "CPUQuota", "50%", 0, "50000 100000", "50%" },
    { "CPUQuota", "250%", 0, "250000 100000", "250%" },
    { "CPUQuota", "12.34%", 0, "12340 100000", "12.34%" },
    { "CPUQuota", "1%", 0, "1000 100000", "1%" },
    { "CPUQuota", "0.99%", 0, "9900 1000000", "0.99%" },
    { "CPUQuota", "0.1%", 0, "1000 1000000", "0.1%" },
    { "CPUQuota", "102400%", 0, "102400000 100000", "102400%" },
    { "CPUQuota", "0.09%", -ERANGE, NULL, NULL },
    { "CPUQuota", "0%", -ERANGE, NULL, NULL },
    { "CPUQuota", "102400.01%", -ERANGE, NULL, NULL },
    { "CPUQuota", "50", -EINVAL, NULL, NULL },
    { "MemoryHigh", "64M", 0, "67108864", "64.0M" },
    { "MemoryMax", "10000", 0, "8192", "8.0K" },
    { "MemoryMax", "50%", 0, "4096000000", "3.8G" },
    { "MemoryMax", "100%", 0, "8192000000", "7.6G" },
    { "MemoryMax", "infinity", 0, "max", "infinity" },
    { "MemoryMax", "7E", 0, "8070450532247928832", "7.0E" },
    { "MemoryMax", "4095", -ERANGE, NULL, NULL },
    { "MemoryMax", "0", -ERANGE, NULL, NULL },
    { "MemoryMax", "0%", -ERANGE, NULL, NULL },
    { "MemoryMax", "100.01%", -ERANGE, NULL, NULL },
    { "MemoryMax", "8E", -ERANGE, NULL, NULL },
    { "MemoryMax", "9223372036854775807", -ERANGE, NULL, NULL },
    { "MemoryMax", "max", -EINVAL, NULL, NULL },
    { "TasksMax", "1", 0, "1", "1" },
    { "TasksMax", "4194304", 0, "4194304", "4194304" },
    { "TasksMax", "infinity", 0, "max", "infinity" },
    { "TasksMax", "10%", 0, "3276", "3276" },
    { "TasksMax", "100%", 0, "32768", "32768" },
    { "TasksMax", "100.01%", -ERANGE, NULL, NULL },
    { "TasksMax", "0%", -ERANGE, NULL, NULL },
    { "TasksMax", "0", -ERANGE, NULL, NULL },
    { "TasksMax", "4194305", -ERANGE, NULL, NULL },
    { "CPUQuotaBurstSec", "20ms", 0, "20000", "20ms" },
    { "CPUQuotaBurstSec", "0", 0, "0", "0" },
    { "CPUQuotaBurstSec", "infinity", -ERANGE, NULL, NULL },
    { "MemoryMin", "0", 0, "0", "0B" },
    { "MemoryMin", "infinity", 0, "max", "infinity" },
    { "MemoryLow", "1M", 0, "1048576", "1.0M" },
    { "MemoryZSwapMax", "0", 0, "0", "0B" },
    { "MemoryZSwapMax", "10000", 0, "8192", "8.0K" },
    { "OOMPolicy", "kill", 0, "1", "kill" },
    { "OOMPolicy", "Kill", -EINVAL, NULL, NULL },
    { "IOWeight", "200", 0, "200", "200" },
    { "IOWeight", "0", -ERANGE, NULL, NULL },
    { "NetworkEgressMax", "50Mbit", 0, "6250000", "50Mbit/s" },
    { "NetworkEgressMax", "12MB", 0, "12000000", "96Mbit/s" },
    { "NetworkEgressMax", "infinity", 0, "max", "infinity" },
    { "NetworkEgressMax", "50M", -EINVAL, NULL, NULL },
    { "NetworkEgressMax", "7bit", -ERANGE, NULL, NULL },
};

static void test_amounts(void) {
    char text[SETTING_TEXT_MAX];

    for (size_t i = 0; i < ELEMENTSOF(assignments); i++) {
        const Limit *limit = limit_by_key(assignments[i].key);
        LimitValue value = { 0 };

        int r = limit_value_parse(limit, assignments[i].text, &scale, &value);
        if (r != assignments[i].result)
            CHECK_FAIL("%s=%s gives %d, expected %d", limit->key, assignments[i].text, r, assignments[i].result);
        CHECK_EQ(value.is_set, r == 0);
        if (r < 0)
            continue;
        CHECK_STREQ(limit_value_show(limit, &value, text, sizeof(text)), assignments[i].shown);
        LimitValue values[LIMITS_COUNT] = {};
        const char *texts[KNOBS_COUNT] = {};
        const Knob *knob = limit_knob(limit);
        values[limit->id] = value;
        CHECK(knob_wanted(knob, values, text, sizeof(text)));
        CHECK_STREQ(text, assignments[i].canonical);
        texts[knob->id] = assignments[i].canonical;
        limit_show_held(limit, texts, text, sizeof(text));
        CHECK_STREQ(text, assignments[i].shown);
    }
}

static void test_reset_and_failure(void) {
    const Limit *limit = &limits[LIMIT_CPU_WEIGHT];
    LimitValue value = { 0 };
    char text[32];

    CHECK_STREQ(limit_value_show(limit, &value, text, sizeof(text)), "not set");
    CHECK_EQ(limit_value_parse(limit, "300", &scale, &value), 0);
    CHECK_EQ(limit_value_parse(limit, "x", &scale, &value), -EINVAL);
    CHECK_EQ(value.amount, 300);
    CHECK(value.is_set);
    CHECK_EQ(limit_value_parse(limit, "", &scale, &value), 0);
    CHECK(!value.is_set);
}

static void test_cpus(void) {
    const Limit *limit = &limits[LIMIT_ALLOWED_CPUS];
    char text[SETTING_TEXT_MAX], list[CPU_LIST_TEXT_MAX], small[4];
    LimitValue value = { 0 };
    size_t length = 0;

    CHECK_EQ(limit_value_parse(limit, "3,1-2", &scale, &value), 0);
    CHECK_STREQ(limit_value_show(limit, &value, text, sizeof(text)), "1-3");
    CHECK_EQ(limit_value_parse(limit, "0,2", &scale, &value), 0);
    CHECK_STREQ(limit_value_show(limit, &value, text, sizeof(text)), "0,2");
    for (unsigned cpu = 0; cpu < 200; cpu += 2)
        length += sprintf(list + length, "%s%u", cpu > 0 ? "," : "", cpu);
    CHECK_EQ(limit_value_parse(limit, list, &scale, &value), -ERANGE);
    CHECK_EQ(limit_value_parse(limit, "1-", &scale, &value), -EINVAL);
    CHECK_STREQ(limit_value_show(limit, &value, text, sizeof(text)), "0,2");
    CHECK_EQ(limit_value_parse(limit, "100-200", &scale, &value), 0);
    CHECK_STREQ(limit_value_show(limit, &value, small, sizeof(small)), "100");
    CHECK_EQ(knob_canonical(limit_knob(limit), list, 0, 0, text, sizeof(text)), -ENOSPC);
    CHECK_EQ(knob_canonical(limit_knob(limit), "0,1,2\n", 0, 0, text, sizeof(text)), 0);
    CHECK_STREQ(text, "0-2");
    CHECK_EQ(knob_canonical(limit_knob(limit), "\n", 0, 0, text, sizeof(text)), 0);
    CHECK_STREQ(text, "");
    CHECK_STREQ(knob_show(limit_knob(limit), "", text, sizeof(text)), "all");
    CHECK_STREQ(knob_show(limit_knob(limit), "0-2", text, sizeof(text)), "0-2");
    limit_value_done(&value);
}

static void test_devices(void) {
    const Limit *limit = &limits[LIMIT_IO_WRITE_BANDWIDTH_MAX];
    static const char *const bad[] = { "10M", "/dev/vda", "/dev/vda ", "vda 10M", "/dev/vda 10M 5M", "/dev/vda  10X",
        " /dev/vda 1M", "any", "anything 1M", "any/ 1M" };
    LimitValue value = { 0 };
    char text[SETTING_TEXT_MAX], small[12];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        CHECK_EQ(limit_value_parse(limit, bad[i], &scale, &value), -EINVAL);
    CHECK_EQ(limit_value_parse(limit, "/dev/vda 0", &scale, &value), -ERANGE);
    CHECK(!value.is_set);
    CHECK_EQ(limit_value_parse(limit, "/dev/vdb 5M", &scale, &value), 0);
    CHECK_EQ(limit_value_parse(limit, "/dev/vdc \t 1M", &scale, &value), 0);
    CHECK_EQ(limit_value_parse(limit, "/dev/vdb 10M", &scale, &value), 0);
    CHECK_EQ(limit_value_parse(limit, "/dev/vd infinity", &scale, &value), 0);
    CHECK_EQ(limit_value_parse(limit, "any 1M", &scale, &value), 0);
    CHECK_EQ(limit_value_parse(limit, "any 2M", &scale, &value), 0);
    CHECK_EQ(value.n_parts, 4);
    CHECK_STREQ(
            limit_value_show(limit, &value, text, sizeof(text)), "/dev/vdb 10M, /dev/vdc 1M, /dev/vd infinity, any 2M");
    CHECK_STREQ(limit_value_show(limit, &value, small, sizeof(small)), "/dev/vdb 10");
    CHECK_EQ(limit_value_parse(limit, "", &scale, &value), 0);
    CHECK_EQ(value.n_parts, 0);
    CHECK(!value.is_set);
}

static void test_too_many_devices(void) {
    const Limit *limit = &limits[LIMIT_IO_READ_BANDWIDTH_MAX];
    LimitValue value = { 0 };
    char text[32];
    int r = 0;

    for (int i = 0; i < 1000 && r == 0; i++) {
        snprintf(text, sizeof(text), "/dev/sd%d 1M", i);
        r = limit_value_parse(limit, text, &scale, &value);
    }
    CHECK_EQ(r, -ERANGE);
    limit_value_done(&value);
}

static void test_pages(void) {
    const Limit *limit = &limits[LIMIT_HUGETLB_MAX];
    static const char *const bad[] = { "2M", "100M", "3M 6M", "0 2M", "2.5M 5M", "/dev/vda 1M", "2M 1M 1M", "any 2M" };
    LimitValue value = { 0 };
    char text[256];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        CHECK_EQ(limit_value_parse(limit, bad[i], &scale, &value), -EINVAL);
    CHECK_EQ(limit_value_parse(limit, "2M 10000000", &scale, &value), 0);
    CHECK_EQ(value.parts[0].amount, 8 << 20);
    CHECK_EQ(limit_value_parse(limit, "1G infinity", &scale, &value), 0);
    CHECK_EQ(limit_value_parse(limit, "2048K 6M", &scale, &value), 0);
    CHECK_STREQ(limit_value_show(limit, &value, text, sizeof(text)), "2MB 6.0M, 1GB infinity");
    limit_value_done(&value);
}

/* All that a group's limits come to at the knobs that have more than one number in them, or none. */
static void test_wanted(void) {
    static const struct {
        const char *assignments[4];
        KnobId knob;
        const char *wanted; /* NULL: left as it is */
    } cases[] = {
        { { NULL }, KNOB_CPU_IDLE, "0" },
        { { "CPUWeight", "300" }, KNOB_CPU_IDLE, "0" },
        { { "CPUWeight", "300" }, KNOB_CPU_WEIGHT, "300" },
        { { "CPUWeight", "idle" }, KNOB_CPU_IDLE, "1" },
        { { "CPUWeight", "idle" }, KNOB_CPU_WEIGHT, NULL },
        { { NULL }, KNOB_CPU_MAX, "max 100000" },
        { { "CPUQuotaPeriodSec", "10ms" }, KNOB_CPU_MAX, "max 10000" },
        { { "CPUQuota", "12.34%" }, KNOB_CPU_MAX, "12340 100000" },
        { { "CPUQuota", "12.34%", "CPUQuotaPeriodSec", "10ms" }, KNOB_CPU_MAX, "1234 10000" },
        { { "CPUQuota", "250%", "CPUQuotaPeriodSec", "1s" }, KNOB_CPU_MAX, "2500000 1000000" },
        { { "CPUQuota", "5%", "CPUQuotaPeriodSec", "10ms" }, KNOB_CPU_MAX, "50000 1000000" },
        { { "CPUQuota", "0.99%" }, KNOB_CPU_MAX, "9900 1000000" },
        { { "CPUQuotaBurstSec", "20ms" }, KNOB_CPU_MAX_BURST, "20000" },
        { { NULL }, KNOB_MEMORY_OOM_GROUP, "0" },
        { { "OOMPolicy", "stop" }, KNOB_MEMORY_OOM_GROUP, "0" },
        { { "OOMPolicy", "kill" }, KNOB_MEMORY_OOM_GROUP, "1" },
        { { NULL }, KNOB_MEMORY_MIN, "0" },
        { { "MemoryMin", "10M" }, KNOB_MEMORY_MIN, "10485760" },
        { { "HugeTLBMax", "2M 10M" }, KNOB_HUGETLB_2M, "10485760" },
        { { "HugeTLBMax", "2M 10M" }, KNOB_HUGETLB_1G, "max" },
        { { NULL }, KNOB_CPUSET_MEMS, "" },
        { { "AllowedMemoryNodes", "1,0" }, KNOB_CPUSET_MEMS, "0-1" },
        { { "IOWeight", "10" }, KNOB_IO_BFQ_WEIGHT, "10" },
        { { "IOWeight", "100" }, KNOB_IO_BFQ_WEIGHT, "100" },
        { { "IOWeight", "10000" }, KNOB_IO_BFQ_WEIGHT, "1000" },
        { { "IOWeight", "1100" }, KNOB_IO_BFQ_WEIGHT, "190" },
    };
    char text[SETTING_TEXT_MAX];

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        LimitValue values[LIMITS_COUNT] = {};

        for (size_t j = 0; j < ELEMENTSOF(cases[i].assignments) && cases[i].assignments[j]; j += 2) {
            const Limit *limit = limit_by_key(cases[i].assignments[j]);
            CHECK_EQ(limit_value_parse(limit, cases[i].assignments[j + 1], &scale, &values[limit->id]), 0);
        }
        bool is_wanted = knob_wanted(&knobs[cases[i].knob], values, text, sizeof(text));
        CHECK_STREQ(is_wanted ? text : NULL, cases[i].wanted);
        FOREACH_LIMIT (limit)
            limit_value_done(&values[limit->id]);
    }
}

/* What is asked for below is granted when nothing is said. */
static void test_reserve_below(void) {
    LimitValue values[LIMITS_COUNT] = { [LIMIT_MEMORY_LOW] = { .below = 8192 } };
    char text[SETTING_TEXT_MAX];

    CHECK(knob_wanted(&knobs[KNOB_MEMORY_LOW], values, text, sizeof(text)));
    CHECK_STREQ(text, "8192");
    values[LIMIT_MEMORY_LOW] = (LimitValue){ .is_set = true, .amount = 16384, .below = 8192 };
    CHECK(knob_wanted(&knobs[KNOB_MEMORY_LOW], values, text, sizeof(text)));
    CHECK_STREQ(text, "16384");
}

int main(void) {
    test_rows();
    test_amounts();
    test_reset_and_failure();
    test_cpus();
    test_devices();
    test_too_many_devices();
    test_pages();
    test_wanted();
    test_reserve_below();
    return 0;
}
