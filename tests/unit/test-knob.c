/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The knobs table: what the kernel shows, what is written to it, and what it comes to. */

#include "model/knob.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "unit/check.h"

static void test_rows(void) {
    for (size_t i = 0; i < KNOBS_COUNT; i++) {
        const Knob *knob = &knobs[i];
        char text[SETTING_TEXT_MAX];

        CHECK_EQ(knob->id, i);
        CHECK(knob->file && knob->unset);
        CHECK_EQ(!knob->witness_file, !knob->witness_key);
        CHECK_EQ(!knob->part, knob_kind(knob) != LIMIT_KIND_PAGES);
        /* What the node shows without a limit is canonical. */
        if (!knob->entry) {
            CHECK_EQ(knob_canonical(knob, knob->unset, 0, 0, text, sizeof(text)), 0);
            CHECK_STREQ(text, knob->unset);
        }
        /* Rows that share a file stand together: it is read once. */
        for (size_t j = i + 2; j < KNOBS_COUNT; j++)
            if (strcmp(knob->file, knobs[j].file) == 0)
                CHECK_STREQ(knobs[j - 1].file, knob->file);
    }
    FOREACH_LIMIT (limit)
        CHECK_EQ(!limit_knob(limit), limit->id == LIMIT_CPU_QUOTA_PERIOD || limit->id == LIMIT_CPU_RESERVE);
    CHECK_STREQ(knob_page_name(2 << 20), "2MB");
    CHECK_STREQ(knob_page_name(64 << 10), "64KB");
    CHECK_STREQ(knob_page_name(UINT64_C(1) << 30), "1GB");
    CHECK(!knob_page_name(0));
    CHECK(!knob_page_name((2 << 20) + 1));
    CHECK(!knob_page_name(UINT64_MAX));
}

static const char io_max[] = "8:0 rbps=2097152 wbps=max riops=max wiops=120\n"
                             "18:0 rbps=1 wbps=2 riops=3 wiops=4\n"
                             "254:16 rbps=max wbps=1048576 riops=max wiops=max";

/* What the kernel shows -> canonical text. */
static const struct {
    KnobId knob;
    const char *shown;
    unsigned major, minor;
    int result;
    const char *canonical;
} shown[] = {
    { KNOB_CPU_WEIGHT, "100\n", 0, 0, 0, "100" },
    { KNOB_CPU_WEIGHT, "", 0, 0, -EINVAL, NULL },
    { KNOB_CPU_WEIGHT, "idle", 0, 0, -EINVAL, NULL },
    { KNOB_CPU_MAX, "max 100000\n", 0, 0, 0, "max 100000" },
    { KNOB_CPU_MAX, "25000 50000", 0, 0, 0, "25000 50000" },
    { KNOB_CPU_MAX, "25000 0", 0, 0, -EINVAL, NULL },
    { KNOB_CPU_MAX, "25000 x", 0, 0, -EINVAL, NULL },
    { KNOB_MEMORY_MAX, "max", 0, 0, 0, "max" },
    { KNOB_MEMORY_MAX, "4096", 0, 0, 0, "4096" },
    { KNOB_MEMORY_MAX, "maximal", 0, 0, -EINVAL, NULL },
    { KNOB_IO_WEIGHT, "default 100\n", 0, 0, 0, "100" },
    { KNOB_IO_WEIGHT, "default 200\n8:0 300\n", 0, 0, 0, "200" },
    { KNOB_IO_WEIGHT, "8:0 300\n", 0, 0, -EINVAL, NULL },
    { KNOB_IO_DEVICE_WEIGHT, "default 200\n8:0 300\n", 8, 0, 0, "300" },
    { KNOB_IO_DEVICE_WEIGHT, "default 200\n8:0 300\n", 8, 16, 0, "default" },
    { KNOB_IO_DEVICE_WEIGHT, "default 200\n8:0 x\n", 8, 0, -EINVAL, NULL },
    { KNOB_IO_MAX_RIOPS, io_max, 18, 0, 0, "3" },
    { KNOB_IO_MAX_WIOPS, io_max, 8, 0, 0, "120" },
    { KNOB_HUGETLB_2M, "8388608\n", 0, 0, 0, "8388608" },
    { KNOB_CPU_IDLE, "1\n", 0, 0, 0, "1" },
    { KNOB_CPUSET_MEMS, "\n", 0, 0, 0, "" },
    { KNOB_IO_MAX_RBPS, io_max, 8, 0, 0, "2097152" },
    { KNOB_IO_MAX_WBPS, io_max, 8, 0, 0, "max" },
    { KNOB_IO_MAX_WBPS, io_max, 254, 16, 0, "1048576" },
    { KNOB_IO_MAX_WBPS, io_max, 254, 1, 0, "max" },
    { KNOB_IO_MAX_WBPS, "", 8, 0, 0, "max" },
    { KNOB_IO_MAX_WBPS, "8:0 rbps=1\n", 8, 0, -EINVAL, NULL },
    { KNOB_IO_MAX_WBPS, "8:0 rbps=1\n9:0 wbps=7\n", 8, 0, -EINVAL, NULL },
    { KNOB_NETWORK_EGRESS, "6250000", 0, 0, 0, "6250000" },
};

static void test_canonical(void) {
    for (size_t i = 0; i < ELEMENTSOF(shown); i++) {
        char text[SETTING_TEXT_MAX] = "old";

        int r = knob_canonical(
                &knobs[shown[i].knob], shown[i].shown, shown[i].major, shown[i].minor, text, sizeof(text));
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
        { { .knob = KNOB_CPU_MAX, .text = "50000 100000" }, "50000 100000" },
        { { .knob = KNOB_IO_WEIGHT, .text = "200" }, "default 200" },
        { { KNOB_IO_MAX_WBPS, 254, 16, "1048576" }, "254:16 wbps=1048576" },
        { { KNOB_IO_MAX_RBPS, 8, 0, "max" }, "8:0 rbps=max" },
        { { .knob = KNOB_CPUSET_CPUS, .text = "" }, "\n" },
        { { KNOB_IO_DEVICE_WEIGHT, 8, 0, "300" }, "8:0 300" },
        { { KNOB_IO_BFQ_DEVICE_WEIGHT, 8, 0, "default" }, "8:0 default" },
        { { KNOB_IO_MAX_WIOPS, 8, 0, "100" }, "8:0 wiops=100" },
    };
    char text[SETTING_TEXT_MAX];

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        knob_file_text(&cases[i].setting, text, sizeof(text));
        CHECK_STREQ(text, cases[i].written);
    }
}

static void test_tighter(void) {
    static const struct {
        KnobId knob;
        const char *a, *b, *tighter;
    } cases[] = {
        { KNOB_MEMORY_MAX, "max", "4096", "4096" },
        { KNOB_MEMORY_MAX, "8192", "max", "8192" },
        { KNOB_MEMORY_MAX, "8192", "10240", "8192" },
        { KNOB_CPU_MAX, "50000 100000", "max 100000", "50000 100000" },
        { KNOB_CPU_MAX, "50000 100000", "9900 1000000", "9900 1000000" },
        { KNOB_CPU_MAX, "max 100000", "20000 10000", "20000 10000" },
        { KNOB_CPUSET_CPUS, "", "0-3", "0-3" },
        { KNOB_CPUSET_CPUS, "0-3", "", "0-3" },
        { KNOB_CPUSET_CPUS, "", "", "" },
        { KNOB_CPUSET_CPUS, "0-3", "2-5", "2-3" },
        { KNOB_CPUSET_CPUS, "0-1", "4-5", "0-1" },
    };
    char text[SETTING_TEXT_MAX];

    for (size_t i = 0; i < ELEMENTSOF(cases); i++)
        CHECK_STREQ(knob_tighter(&knobs[cases[i].knob], cases[i].a, cases[i].b, text, sizeof(text)), cases[i].tighter);
}

static void test_show_canonical(void) {
    char text[AMOUNT_TEXT_MAX];

    CHECK_STREQ(knob_show(&knobs[KNOB_CPU_MAX], "25000 50000", text, sizeof(text)), "50%");
    CHECK_STREQ(knob_show(&knobs[KNOB_CPU_MAX], "max 100000", text, sizeof(text)), "infinity");
    CHECK_STREQ(knob_show(&knobs[KNOB_IO_MAX_RBPS], "1500000", text, sizeof(text)), "1.5M");
    CHECK_STREQ(knob_show(&knobs[KNOB_CPU_WEIGHT], "odd", text, sizeof(text)), "odd");
}

/* What a limit comes to by several knobs. */
static void test_show_held(void) {
    const char *texts[KNOBS_COUNT] = {
        [KNOB_CPU_IDLE] = "0",
        [KNOB_CPU_WEIGHT] = "300",
        [KNOB_CPU_MAX] = "25000 50000",
        [KNOB_MEMORY_OOM_GROUP] = "1",
        [KNOB_HUGETLB_2M] = "8388608",
        [KNOB_HUGETLB_1G] = "max",
        [KNOB_IO_DEVICE_WEIGHT] = "default",
        [KNOB_IO_BFQ_DEVICE_WEIGHT] = "190",
    };
    char text[256];

    CHECK_STREQ(limit_show_held(&limits[LIMIT_CPU_WEIGHT], texts, text, sizeof(text)), "300");
    texts[KNOB_CPU_IDLE] = "1";
    CHECK_STREQ(limit_show_held(&limits[LIMIT_CPU_WEIGHT], texts, text, sizeof(text)), "idle");
    CHECK_STREQ(limit_show_held(&limits[LIMIT_CPU_QUOTA], texts, text, sizeof(text)), "50%");
    CHECK_STREQ(limit_show_held(&limits[LIMIT_CPU_QUOTA_PERIOD], texts, text, sizeof(text)), "50ms");
    CHECK_STREQ(limit_show_held(&limits[LIMIT_OOM_POLICY], texts, text, sizeof(text)), "kill");
    CHECK_STREQ(limit_show_held(&limits[LIMIT_HUGETLB_MAX], texts, text, sizeof(text)), "2MB 8.0M, 1GB infinity");
    CHECK_STREQ(limit_show_held(&limits[LIMIT_IO_DEVICE_WEIGHT], texts, text, sizeof(text)), "190");
    CHECK(!limit_show_held(&limits[LIMIT_MEMORY_MAX], texts, text, sizeof(text)));
}

int main(void) {
    test_rows();
    test_canonical();
    test_file_text();
    test_tighter();
    test_show_canonical();
    test_show_held();
    return 0;
}
