/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The sampler on directories with files like a cgroup's, and on made-up eBPF programs: these stand in for those of
 * kernel/programs.c.
 */

#include "kernel/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "unit/check.h"

enum { NAMES_MAX = 8, SLOTS = 8 };

/* --- made-up programs -------------------------------------------------------------------------------------------- */

struct Programs {
    struct slot slots[SLOTS];
    struct cgroup_counters cgroups[SLOTS];
    BlockRow block[SLOTS];
    struct account accounts[SLOTS];
    bool no_iterator, no_block;
};

int programs_refresh(Programs *programs) {
    return programs->no_iterator ? -ENODATA : 0;
}

int programs_read_slot(Programs *programs, uint32_t slot, struct slot *ret) {
    *ret = programs->slots[slot];
    return 0;
}

int programs_read_cgroup(Programs *programs, uint32_t slot, struct cgroup_counters *ret) {
    *ret = programs->cgroups[slot];
    return 0;
}

int programs_read_block(Programs *programs, uint32_t slot, BlockRow *ret, size_t max, size_t *ret_n) {
    if (programs->no_block)
        return -ENODATA;
    CHECK(max >= 2);
    ret[0] = ret[1] = programs->block[slot];
    ret[1].device++;
    *ret_n = 2;
    return 0;
}

int programs_read_denials(Programs *programs, uint32_t slot, struct filter_denials *ret) {
    *ret = (struct filter_denials){ .count = { programs->slots[slot].waits } };
    return 0;
}

struct account *programs_account(Programs *programs, uint32_t slot) {
    return &programs->accounts[slot];
}

/* --- made-up cgroups --------------------------------------------------------------------------------------------- */

static char root[] = "/tmp/test-sampler-XXXXXX";
static int root_fd = -1;

static int make_group(const char *name) {
    CHECK(mkdirat(root_fd, name, 0700) == 0 || errno == EEXIST);
    int fd = openat(root_fd, name, O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static void write_file(int dir_fd, const char *name, const char *text) {
    CHECK_EQ(file_replace_at(dir_fd, name, text, 0600), 0);
}

/* Rewritten in place, as the kernel's files are: who has it open sees it. */
static void rewrite_file(int dir_fd, const char *name, const char *text) {
    _cleanup_(cleanup_close) int fd = openat(dir_fd, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
}

/* --- what was reported ------------------------------------------------------------------------------------------- */

typedef struct Report {
    char names[NAMES_MAX][NAME_LENGTH_MAX + 1];
    Sample samples[NAMES_MAX];
    size_t n;
} Report;

static void on_sample(const char *name, const Sample *sample, void *userdata) {
    Report *report = userdata;

    CHECK(report->n < NAMES_MAX);
    strcpy(report->names[report->n], name);
    report->samples[report->n++] = *sample;
}

static size_t position(const Report *report, const char *name) {
    for (size_t i = 0; i < report->n; i++)
        if (strcmp(report->names[i], name) == 0)
            return i;
    CHECK_FAIL("%s was not reported", name);
}

static const Sample *read_group(Sampler *sampler, const char *name) {
    static Report report;

    report.n = 0;
    CHECK_EQ(sampler_read(sampler, 77, on_sample, &report), 0);
    const Sample *sample = &report.samples[position(&report, name)];
    CHECK_EQ(sample->at_usec, 77);
    return sample;
}

static void check_value(const Sample *sample, MeterId id, uint64_t value) {
    if (!sample_has(sample, id))
        CHECK_FAIL("%s is absent", meters[id].name);
    CHECK_EQ(sample->values[id], value);
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

static void test_files(void) {
    _cleanup_(cleanup_sampler_free) Sampler *sampler = NULL;
    _cleanup_(cleanup_close) int fd = make_group("files");

    write_file(fd, "cpu.stat", "usage_usec 10\nuser_usec 6\nsystem_usec 4\n");
    write_file(fd, "memory.stat", "anon 100\nfile 200\n");
    write_file(fd, "pids.current", "3\n");
    CHECK_EQ(sampler_new(NULL, &sampler), 0);
    CHECK_EQ(sampler_add(sampler, "files", NULL, fd, 1, SLOT_NONE), 0);
    const Sample *sample = read_group(sampler, "files");
    check_value(sample, METER_CPU_USAGE, 10000);
    check_value(sample, METER_CPU_SYSTEM, 4000);
    check_value(sample, METER_MEMORY_ANON, 100);
    check_value(sample, METER_MEMORY_FILE, 200);
    check_value(sample, METER_TASKS, 3);
    CHECK(!sample_has(sample, METER_CPU_THROTTLED)); /* the file is there, its key is not */
    CHECK(!sample_has(sample, METER_MEMORY_USAGE));
    CHECK(!sample_has(sample, METER_CPU_WAIT));
    CHECK(!sampler_detail(sampler, "files")->has_waits);
    CHECK(sampler_detail(sampler, "nobody") == NULL);

    rewrite_file(fd, "pids.current", "4\n");
    check_value(read_group(sampler, "files"), METER_TASKS, 4);
    rewrite_file(fd, "pids.current", "not a number\n");
    CHECK(!sample_has(read_group(sampler, "files"), METER_TASKS));
}

/* A controller may be enabled after we began to look. */
static void test_late_file(void) {
    _cleanup_(cleanup_sampler_free) Sampler *sampler = NULL;
    _cleanup_(cleanup_close) int fd = make_group("late");
    unsigned passes = 0;

    CHECK_EQ(sampler_new(NULL, &sampler), 0);
    CHECK_EQ(sampler_add(sampler, "late", NULL, fd, 1, SLOT_NONE), 0);
    CHECK(!sample_has(read_group(sampler, "late"), METER_MEMORY_USAGE));
    write_file(fd, "memory.current", "4096\n");
    while (!sample_has(read_group(sampler, "late"), METER_MEMORY_USAGE))
        CHECK(++passes < 100);
}

static void test_order_and_names(void) {
    _cleanup_(cleanup_sampler_free) Sampler *sampler = NULL;
    _cleanup_(cleanup_close) int fd = make_group("order");
    Report report = { .n = 0 };

    CHECK_EQ(sampler_new(NULL, &sampler), 0);
    CHECK_EQ(sampler_read(sampler, 1, on_sample, &report), 0);
    CHECK_EQ(report.n, 0);
    sampler_remove(sampler, "nobody");
    CHECK_EQ(sampler_add(sampler, "a-top", NULL, fd, 1, SLOT_NONE), 0);
    CHECK_EQ(sampler_add(sampler, "m-inner", "a-top", fd, 2, SLOT_NONE), 0);
    CHECK_EQ(sampler_add(sampler, "b-leaf", "m-inner", fd, 3, SLOT_NONE), 0);
    CHECK_EQ(sampler_add(sampler, "z-leaf", "a-top", fd, 4, SLOT_NONE), 0);
    CHECK_EQ(sampler_add(sampler, "z-leaf", "a-top", fd, 4, SLOT_NONE), -EEXIST);
    CHECK_EQ(sampler_read(sampler, 1, on_sample, &report), 0);
    CHECK_EQ(report.n, 4);
    CHECK(position(&report, "b-leaf") < position(&report, "m-inner"));
    CHECK(position(&report, "m-inner") < position(&report, "a-top"));
    CHECK(position(&report, "z-leaf") < position(&report, "a-top"));

    /* moved to another slice: another directory */
    CHECK_EQ(sampler_add(sampler, "b-leaf", "a-top", fd, 5, SLOT_NONE), 0);
    sampler_remove(sampler, "a-top");
    sampler_remove(sampler, "nobody");
    report.n = 0;
    CHECK_EQ(sampler_read(sampler, 1, on_sample, &report), 0);
    CHECK_EQ(report.n, 3);
    CHECK(sampler_free(NULL) == NULL);
}

static void test_programs(void) {
    _cleanup_(cleanup_sampler_free) Sampler *sampler = NULL;
    _cleanup_(cleanup_close) int fd = make_group("programs");
    Programs programs = { .slots = { [1] = { .wait_nsec = 11, .waits = 1, .receive_bytes = COUNTER_ABSENT } } };

    programs.slots[1].wait_histogram[2] = 1;
    programs.cgroups[1] = (struct cgroup_counters){ .cpu_usage_nsec = 9, .tasks = COUNTER_ABSENT };
    programs.block[1].io[BLOCK_WRITE] = (struct block_io){ .bytes = 512, .operations = 1, .nsec = 40 };
    write_file(fd, "cpu.stat", "usage_usec 1000\n");
    write_file(fd, "pids.current", "8\n");
    write_file(fd, "io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n");
    CHECK_EQ(sampler_new(&programs, &sampler), 0);
    CHECK_EQ(sampler_add(sampler, "programs", NULL, fd, 1, 1), 0);
    const Sample *sample = read_group(sampler, "programs");
    check_value(sample, METER_CPU_WAIT, 11);
    check_value(sample, METER_CPU_USAGE, 9);
    check_value(sample, METER_TASKS, 8);             /* the kernel's copy lacks it, the file has it */
    check_value(sample, METER_IO_WRITE_BYTES, 1024); /* two devices */
    check_value(sample, METER_IO_WRITES, 2);
    check_value(sample, METER_IO_WRITE_LATENCY, 80);
    CHECK(!sample_has(sample, METER_NETWORK_RECEIVE_BYTES));
    const SampleDetail *detail = sampler_detail(sampler, "programs");
    CHECK_EQ(detail->waits[2], 1);
    CHECK_EQ(detail->n_devices, 2);
    CHECK_EQ(detail->devices[1].io[BLOCK_WRITE].bytes, 512);

    programs.no_iterator = programs.no_block = true;
    programs.slots[1].waits = programs.slots[1].wait_nsec = COUNTER_ABSENT;
    sample = read_group(sampler, "programs");
    check_value(sample, METER_CPU_USAGE, 1000000);
    check_value(sample, METER_IO_WRITE_BYTES, 2);
    CHECK(!sample_has(sample, METER_IO_WRITE_LATENCY));
    CHECK(!sample_has(sample, METER_CPU_WAIT));
    CHECK(!sampler_detail(sampler, "programs")->has_waits);
}

/* A slice has what its own slot kept and what is in it, level by level; the kernel's sums are taken as they are. */
static void test_slices(void) {
    _cleanup_(cleanup_sampler_free) Sampler *sampler = NULL;
    _cleanup_(cleanup_close) int fd = make_group("slices");
    Programs programs = { 0 };

    for (unsigned i = 0; i < SLOTS; i++) {
        programs.slots[i].wait_nsec = 1U << i;
        programs.slots[i].wait_histogram[0] = 1U << i;
        programs.cgroups[i].cpu_usage_nsec = 100 + i;
        programs.block[i].io[BLOCK_READ].bytes = 1U << i;
    }
    CHECK_EQ(sampler_new(&programs, &sampler), 0);
    CHECK_EQ(sampler_add(sampler, "top", NULL, fd, 1, 1), 0);
    CHECK_EQ(sampler_add(sampler, "inner", "top", fd, 2, 2), 0);
    CHECK_EQ(sampler_add(sampler, "a", "inner", fd, 3, 3), 0);
    CHECK_EQ(sampler_add(sampler, "b", "inner", fd, 4, 4), 0);
    CHECK_EQ(sampler_add(sampler, "c", "top", fd, 5, SLOT_NONE), 0);
    for (unsigned pass = 0; pass < 2; pass++) {
        check_value(read_group(sampler, "a"), METER_CPU_WAIT, 8);
        check_value(read_group(sampler, "inner"), METER_CPU_WAIT, 4 + 8 + 16);
        check_value(read_group(sampler, "top"), METER_CPU_WAIT, 2 + 4 + 8 + 16);
        check_value(read_group(sampler, "top"), METER_IO_READ_BYTES, 2 * (2 + 4 + 8 + 16));
        check_value(read_group(sampler, "top"), METER_CPU_USAGE, 101);
        CHECK(!sample_has(read_group(sampler, "c"), METER_CPU_WAIT));
    }
    CHECK_EQ(sampler_detail(sampler, "top")->waits[0], 2 + 4 + 8 + 16);
    CHECK_EQ(sampler_detail(sampler, "a")->waits[0], 8);
}

/* However many devices there are, their sum is right, and the rows are few. */
static void test_devices(void) {
    SampleDetail detail = { 0 }, slice = { 0 };
    BlockRow row = { .io = { [BLOCK_READ] = { .bytes = 3, .operations = 2, .nsec = 1 } } };

    for (unsigned i = 0; i < SAMPLE_DEVICES_MAX + 4; i++) {
        row.device = 100 + i;
        sample_detail_add_device(&detail, &row);
        sample_detail_add_device(&detail, &row);
    }
    CHECK_EQ(detail.n_devices, SAMPLE_DEVICES_MAX);
    CHECK_EQ(detail.devices[0].device, 100);
    CHECK_EQ(detail.devices[0].io[BLOCK_READ].bytes, 6);
    CHECK_EQ(detail.other[BLOCK_READ].bytes, 24);
    sample_detail_add(&slice, &detail);
    sample_detail_add(&slice, &detail);
    CHECK_EQ(slice.other[BLOCK_READ].bytes, 48);
    CHECK_EQ(sample_detail_block(&slice).io[BLOCK_READ].bytes, 2 * 6 * (SAMPLE_DEVICES_MAX + 4));
}

/* The groups hold no descriptors of their caller. */
static void test_descriptors(void) {
    int fd = make_group("descriptors"), other;
    Sampler *sampler;

    write_file(fd, "cpu.stat", "usage_usec 10\n");
    CHECK_EQ(sampler_new(NULL, &sampler), 0);
    CHECK_EQ(sampler_add(sampler, "descriptors", NULL, fd, 1, SLOT_NONE), 0);
    close(fd);
    check_value(read_group(sampler, "descriptors"), METER_CPU_USAGE, 10000);
    sampler_free(sampler);
    other = make_group("descriptors");
    CHECK_EQ(other, fd); /* all were closed */
    close(other);
}

static void remove_root(void) {
    char command[sizeof root + 16];

    snprintf(command, sizeof command, "rm -rf %s", root);
    CHECK_EQ(system(command), 0);
}

int main(void) {
    CHECK(mkdtemp(root));
    root_fd = open(root, O_DIRECTORY | O_CLOEXEC);
    test_files();
    test_late_file();
    test_order_and_names();
    test_programs();
    test_slices();
    test_devices();
    test_descriptors();
    close(root_fd);
    remove_root();
    return EXIT_SUCCESS;
}
