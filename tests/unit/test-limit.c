/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The limits table: from policy text to what the kernel is told, back from what it shows, and to people. */

#include "model/limit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "unit/check.h"

static const LimitScale scale = { .memory_total_bytes = UINT64_C(8000001) << 10, .page_bytes = 4096 };

static void test_rows(void) {
    for (size_t i = 0; i < LIMITS_COUNT; i++) {
        const Limit *limit = &limits[i];
        char text[SETTING_TEXT_MAX];

        CHECK_EQ(limit->id, i);
        CHECK(limit_by_key(limit->key) == limit);
        CHECK(limit->file && limit->unset && limit->unit && limit->help && limit->expects);
        CHECK_EQ(!limit->witness_file, !limit->witness_key);
        CHECK(limit->help[strlen(limit->help) - 1] != '.');
        CHECK_EQ(limit->kind != LIMIT_KIND_CPUS, limit->parse && limit->format && limit->show);
        CHECK_EQ(limit->kind == LIMIT_KIND_DEVICES, limit->entry && limit->file && strcmp(limit->file, "io.max") == 0);
        /* What the node shows without a limit is canonical. */
        if (limit->kind != LIMIT_KIND_DEVICES && !limit->entry) {
            CHECK_EQ(limit_canonical(limit, limit->unset, 0, 0, text, sizeof(text)), 0);
            CHECK_STREQ(text, limit->unset);
        }
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
    { "TasksMax", "0", -ERANGE, NULL, NULL },
    { "TasksMax", "4194305", -ERANGE, NULL, NULL },
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
        uint64_t amount;

        int r = limit_value_parse(limit, assignments[i].text, &scale, &value);
        if (r != assignments[i].result)
            CHECK_FAIL("%s=%s gives %d, expected %d", limit->key, assignments[i].text, r, assignments[i].result);
        CHECK_EQ(value.is_set, r == 0);
        if (r < 0)
            continue;
        CHECK_STREQ(limit_value_show(limit, &value, text, sizeof(text)), assignments[i].shown);
        limit->format(value.amount, text, sizeof(text));
        CHECK_STREQ(text, assignments[i].canonical);
        CHECK_EQ(limit_amount_from_canonical(text, &amount), 0);
        CHECK_EQ(amount, value.amount);
        limit_show_canonical(limit, assignments[i].canonical, text, sizeof(text));
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
    CHECK_EQ(limit_canonical(limit, list, 0, 0, text, sizeof(text)), -ENOSPC);
    CHECK_EQ(limit_canonical(limit, "0,1,2\n", 0, 0, text, sizeof(text)), 0);
    CHECK_STREQ(text, "0-2");
    CHECK_EQ(limit_canonical(limit, "\n", 0, 0, text, sizeof(text)), 0);
    CHECK_STREQ(text, "");
    CHECK_STREQ(limit_show_canonical(limit, "", text, sizeof(text)), "all");
    CHECK_STREQ(limit_show_canonical(limit, "0-2", text, sizeof(text)), "0-2");
    limit_value_done(&value);
}

static void test_devices(void) {
    const Limit *limit = &limits[LIMIT_IO_WRITE_BANDWIDTH_MAX];
    static const char *const bad[] = { "10M", "/dev/vda", "/dev/vda ", "vda 10M", "/dev/vda 10M 5M", "/dev/vda  10X",
        " /dev/vda 1M" };
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
    CHECK_EQ(value.n_devices, 3);
    CHECK_STREQ(limit_value_show(limit, &value, text, sizeof(text)), "/dev/vdb 10M, /dev/vdc 1M, /dev/vd infinity");
    CHECK_STREQ(limit_value_show(limit, &value, small, sizeof(small)), "/dev/vdb 10");
    CHECK_EQ(limit_value_parse(limit, "", &scale, &value), 0);
    CHECK_EQ(value.n_devices, 0);
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

static const char io_max[] = "8:0 rbps=2097152 wbps=max riops=max wiops=120\n"
                             "18:0 rbps=1 wbps=2 riops=3 wiops=4\n"
                             "254:16 rbps=max wbps=1048576 riops=max wiops=max";

/* What the kernel shows -> canonical text. */
static const struct {
    LimitId limit;
    const char *shown;
    unsigned major, minor;
    int result;
    const char *canonical;
} shown[] = {
    { LIMIT_CPU_WEIGHT, "100\n", 0, 0, 0, "100" },
    { LIMIT_CPU_WEIGHT, "", 0, 0, -EINVAL, NULL },
    { LIMIT_CPU_WEIGHT, "idle", 0, 0, -EINVAL, NULL },
    { LIMIT_CPU_QUOTA, "max 100000\n", 0, 0, 0, "max 100000" },
    { LIMIT_CPU_QUOTA, "25000 50000", 0, 0, 0, "25000 50000" },
    { LIMIT_CPU_QUOTA, "25000 0", 0, 0, -EINVAL, NULL },
    { LIMIT_CPU_QUOTA, "25000 x", 0, 0, -EINVAL, NULL },
    { LIMIT_MEMORY_MAX, "max", 0, 0, 0, "max" },
    { LIMIT_MEMORY_MAX, "4096", 0, 0, 0, "4096" },
    { LIMIT_MEMORY_MAX, "maximal", 0, 0, -EINVAL, NULL },
    { LIMIT_IO_WEIGHT, "default 100\n", 0, 0, 0, "100" },
    { LIMIT_IO_WEIGHT, "default 200\n8:0 300\n", 0, 0, 0, "200" },
    { LIMIT_IO_WEIGHT, "8:0 300\n", 0, 0, -EINVAL, NULL },
    { LIMIT_IO_READ_BANDWIDTH_MAX, io_max, 8, 0, 0, "2097152" },
    { LIMIT_IO_WRITE_BANDWIDTH_MAX, io_max, 8, 0, 0, "max" },
    { LIMIT_IO_WRITE_BANDWIDTH_MAX, io_max, 254, 16, 0, "1048576" },
    { LIMIT_IO_WRITE_BANDWIDTH_MAX, io_max, 254, 1, 0, "max" },
    { LIMIT_IO_WRITE_BANDWIDTH_MAX, "", 8, 0, 0, "max" },
    { LIMIT_IO_WRITE_BANDWIDTH_MAX, "8:0 rbps=1\n", 8, 0, -EINVAL, NULL },
    { LIMIT_IO_WRITE_BANDWIDTH_MAX, "8:0 rbps=1\n9:0 wbps=7\n", 8, 0, -EINVAL, NULL },
    { LIMIT_NETWORK_EGRESS_MAX, "6250000", 0, 0, 0, "6250000" },
};

static void test_canonical(void) {
    for (size_t i = 0; i < ELEMENTSOF(shown); i++) {
        char text[SETTING_TEXT_MAX] = "old";

        int r = limit_canonical(
                &limits[shown[i].limit], shown[i].shown, shown[i].major, shown[i].minor, text, sizeof(text));
        if (r != shown[i].result)
            CHECK_FAIL("\"%s\" gives %d, expected %d", shown[i].shown, r, shown[i].result);
        CHECK_STREQ(text, r < 0 ? "old" : shown[i].canonical);
    }
}

static void test_file_text(void) {
    static const struct {
        Setting setting;
        const char *written;
    } cases[] = {
        { { .limit = LIMIT_CPU_QUOTA, .text = "50000 100000" }, "50000 100000" },
        { { .limit = LIMIT_IO_WEIGHT, .text = "200" }, "default 200" },
        { { LIMIT_IO_WRITE_BANDWIDTH_MAX, 254, 16, "1048576" }, "254:16 wbps=1048576" },
        { { LIMIT_IO_READ_BANDWIDTH_MAX, 8, 0, "max" }, "8:0 rbps=max" },
        { { .limit = LIMIT_ALLOWED_CPUS, .text = "" }, "\n" },
    };
    char text[SETTING_TEXT_MAX];

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        limit_file_text(&limits[cases[i].setting.limit], &cases[i].setting, text, sizeof(text));
        CHECK_STREQ(text, cases[i].written);
    }
}

static void test_tighter(void) {
    static const struct {
        LimitId limit;
        const char *a, *b, *tighter;
    } cases[] = {
        { LIMIT_MEMORY_MAX, "max", "4096", "4096" },
        { LIMIT_MEMORY_MAX, "8192", "max", "8192" },
        { LIMIT_MEMORY_MAX, "8192", "10240", "8192" },
        { LIMIT_CPU_QUOTA, "50000 100000", "max 100000", "50000 100000" },
        { LIMIT_CPU_QUOTA, "50000 100000", "9900 1000000", "9900 1000000" },
        { LIMIT_CPU_QUOTA, "max 100000", "20000 10000", "20000 10000" },
        { LIMIT_ALLOWED_CPUS, "", "0-3", "0-3" },
        { LIMIT_ALLOWED_CPUS, "0-3", "", "0-3" },
        { LIMIT_ALLOWED_CPUS, "", "", "" },
        { LIMIT_ALLOWED_CPUS, "0-3", "2-5", "2-3" },
        { LIMIT_ALLOWED_CPUS, "0-1", "4-5", "0-1" },
    };
    char text[SETTING_TEXT_MAX];

    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        CHECK_STREQ(
                limit_tighter(&limits[cases[i].limit], cases[i].a, cases[i].b, text, sizeof(text)), cases[i].tighter);
}

static void test_show_canonical(void) {
    char text[AMOUNT_TEXT_MAX];

    CHECK_STREQ(limit_show_canonical(&limits[LIMIT_CPU_QUOTA], "25000 50000", text, sizeof(text)), "50%");
    CHECK_STREQ(limit_show_canonical(&limits[LIMIT_CPU_QUOTA], "max 100000", text, sizeof(text)), "infinity");
    CHECK_STREQ(limit_show_canonical(&limits[LIMIT_IO_READ_BANDWIDTH_MAX], "1500000", text, sizeof(text)), "1.5M");
    CHECK_STREQ(limit_show_canonical(&limits[LIMIT_CPU_WEIGHT], "odd", text, sizeof(text)), "odd");
}

int main(void) {
    test_rows();
    test_amounts();
    test_reset_and_failure();
    test_cpus();
    test_devices();
    test_too_many_devices();
    test_canonical();
    test_file_text();
    test_tighter();
    test_show_canonical();
    return 0;
}
