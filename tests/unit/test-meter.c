/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The meters table keeps the rules that its readers rely on; numbers come out of each kind of cgroup file. */

#include "model/meter.h"

#include <errno.h>

#include "bpf/slot.h"

#include "base/cleanup.h"
#include "unit/check.h"

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static size_t source_size(MeterSource source) {
    static const size_t sizes[] = {
        [METER_SOURCE_NONE] = sizeof(uint64_t),
        [METER_SOURCE_CGROUP] = sizeof(struct cgroup_counters),
        [METER_SOURCE_SLOT] = sizeof(struct slot),
        [METER_SOURCE_BLOCK] = sizeof(struct block_counts),
        [METER_SOURCE_ACCOUNT] = sizeof(struct account_counts),
    };
    return sizes[source];
}

/* Prometheus' rules for names: base units as suffixes, _total for counters and only for them. */
static void check_names(const Meter *meter) {
    const char *unit = meter->unit == METER_UNIT_BYTES ? "_bytes" : meter->unit == METER_UNIT_COUNT ? "" : "_seconds";
    char suffix[32];

    snprintf(suffix, sizeof suffix, "%s%s", unit, meter->kind == METER_COUNTER ? "_total" : "");
    if (!ends_with(meter->metric, suffix))
        CHECK_FAIL("%s does not end with %s", meter->metric, suffix);
    CHECK(meter->kind == METER_COUNTER || !ends_with(meter->metric, "_total"));
    CHECK(ends_with(meter->help, "."));
    CHECK(!strpbrk(meter->help, "\\\n"));
}

static void test_table(void) {
    static const char *const groups[] = { "cpu", "memory", "io", "network", "tasks" };
    size_t group = 0;

    FOREACH_METER (meter) {
        CHECK_EQ(meter->id, meter - meters);
        check_names(meter);
        CHECK(meter->source != METER_SOURCE_NONE || meter->file);
        CHECK(meter->offset + sizeof(uint64_t) <= source_size(meter->source));
        CHECK_EQ(meter->offset % sizeof(uint64_t), 0);
        CHECK_EQ(meter->file != NULL, meter->file_scale > 0);
        if (strcmp(meter->group, groups[group]) != 0)
            group++; /* headings come once each, in this order */
        CHECK(group < ELEMENTSOF(groups));
        CHECK_STREQ(meter->group, groups[group]);
        for (const Meter *other = meters; other < meter; other++) {
            CHECK(strcmp(meter->name, other->name) != 0);
            CHECK(strcmp(meter->metric, other->metric) != 0);
        }
    }
}

static uint64_t parse(MeterId id, const char *text) {
    uint64_t value;

    CHECK_EQ(meter_parse(&meters[id], text, &value), 0);
    return value;
}

static void test_files(void) {
    static const char cpu_stat[] = "usage_usec 12\nuser_usec 7\nsystem_usec 5\nnr_throttled 3\nthrottled_usec 4";
    static const char pressure[] = "some avg10=0.00 avg60=1.05 avg300=0.00 total=31\n"
                                   "full avg10=0.00 avg60=0.00 avg300=0.00 total=7";
    static const char io_stat[] = "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=9 dios=9\n"
                                  "7:0 \n"
                                  "8:0 rbytes=100 wbytes=200 rios=10 wios=20 dbytes=0 dios=0 cost.rbytes=5";

    CHECK_EQ(parse(METER_CPU_USAGE, cpu_stat), 12000);
    CHECK_EQ(parse(METER_CPU_SYSTEM, cpu_stat), 5000);
    CHECK_EQ(parse(METER_CPU_THROTTLED, cpu_stat), 4000);
    CHECK_EQ(parse(METER_MEMORY_PRESSURE_SOME, pressure), 31000);
    CHECK_EQ(parse(METER_MEMORY_PRESSURE_FULL, pressure), 7000);
    CHECK_EQ(parse(METER_IO_READ_BYTES, io_stat), 4196);
    CHECK_EQ(parse(METER_IO_WRITE_BYTES, io_stat), 8392);
    CHECK_EQ(parse(METER_IO_READS, io_stat), 11);
    CHECK_EQ(parse(METER_IO_WRITES, io_stat), 22);
    CHECK_EQ(parse(METER_IO_WRITES, ""), 0); /* no device was ever used */
    CHECK_EQ(parse(METER_MEMORY_USAGE, "1048576"), 1048576);
    CHECK_EQ(parse(METER_MEMORY_ANON, "anon 5\nfile 6"), 5);
    CHECK_EQ(parse(METER_MEMORY_OOM_KILLS, "oom 2\noom_kill 1\noom_group_kill 0"), 1);
}

static void test_absent(void) {
    uint64_t value = 42;

    CHECK_EQ(meter_parse(&meters[METER_CPU_USAGE], "user_usec 1", &value), -ENODATA);
    CHECK_EQ(meter_parse(&meters[METER_CPU_PRESSURE_SOME], "full avg10=0.00 total=3", &value), -ENODATA);
    CHECK_EQ(meter_parse(&meters[METER_IO_PRESSURE_FULL], "", &value), -ENODATA);
    CHECK_EQ(meter_parse(&meters[METER_TASKS], "max", &value), -EINVAL);
    CHECK_EQ(value, 42);
}

static void test_units(void) {
    CHECK(meter_in_base_units(&meters[METER_CPU_USAGE], 1500000000) == 1.5);
    CHECK(meter_in_base_units(&meters[METER_MEMORY_USAGE], 4096) == 4096);
    CHECK_EQ(meter_unit_per_base(METER_UNIT_NSEC), 1000000000);
    CHECK_EQ(meter_unit_per_base(METER_UNIT_COUNT), 1);
}

int main(void) {
    test_table();
    test_files();
    test_absent();
    test_units();
    return EXIT_SUCCESS;
}
