/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What users may rely on: the same policy has the same leases, and a lease stays when others come and go. */

#include "model/lease.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model/policy/load.h"
#include "tests/unit/check.h"

enum { WORKLOADS = 200 }; /* of the 253 addresses of a /24: many want the same one */

static const HostFacts facts = { .scale = { .memory_total_bytes = UINT64_C(1) << 30, .page_bytes = 4096 },
    .name = "node" };

static int text_file(const char *text) {
    int fd = memfd_create("test-lease", 0);

    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

/* Workloads w0, w1, ..., from the first to before the last, in this order or the reverse; fresh leases in words. */
static char *leases_of(unsigned first, unsigned last, bool reverse, const char *former) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    _cleanup_(cleanup_policy_unref) Policy *policy = NULL;
    _cleanup_(cleanup_free) char *text = NULL;
    char path[64], *leases;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    fprintf(out, "[network:lan]\nBridge=br0\nSubnet=10.0.0.1/24 fd00::1/64\n");
    for (unsigned i = first; i < last; i++)
        fprintf(out, "[workload:w%u]\nExecStart=/bin/true\nNetwork=bridge:lan\n", reverse ? first + last - 1 - i : i);
    fclose(out);

    _cleanup_(cleanup_close) int fd = text_file(text);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    const PolicyPaths paths = { .files = (char *[]){ path, NULL }, .leases = former };
    CHECK_EQ(policy_load(&paths, &facts, &diagnostics, &policy), 0);
    CHECK_EQ(leases_format(policy, &leases), 0);
    return leases;
}

static bool has_line(const char *text, const char *line, size_t length) {
    for (const char *at = text; *at; at = strchr(at, '\n') + 1)
        if (strncmp(at, line, length) == 0)
            return true;
    return false;
}

/* Each line of the one is in the other. */
static void check_within(const char *part, const char *whole) {
    for (const char *line = part, *end; *line; line = end) {
        end = strchr(line, '\n') + 1;
        CHECK(has_line(whole, line, end - line));
    }
}

static void test_same(void) {
    _cleanup_(cleanup_free) char *leases = leases_of(0, WORKLOADS, false, ""),
                                 *again = leases_of(0, WORKLOADS, false, leases),
                                 *reversed = leases_of(0, WORKLOADS, true, "");

    CHECK_STREQ(leases, again);
    CHECK_STREQ(leases, reversed);
}

static void test_others_come_and_go(void) {
    _cleanup_(cleanup_free) char *few = leases_of(50, 100, false, ""), *many = leases_of(0, WORKLOADS, false, few),
                                 *few_again = leases_of(50, 100, true, many),
                                 *alone = leases_of(0, WORKLOADS, false, "");

    check_within(few, many);
    check_within(few_again, many);
    CHECK_STREQ(few, few_again);
    CHECK(strcmp(many, alone) != 0); /* else nobody met another, and nothing was shown */
}

static void test_no_two_alike(void) {
    _cleanup_(cleanup_free) char *leases = leases_of(0, WORKLOADS, false, "");

    for (const char *line = leases; *line; line = strchr(line, '\n') + 1) {
        char address[64], needle[80];

        CHECK_EQ(sscanf(line, "%*s %*s %63s", address), 1);
        snprintf(needle, sizeof(needle), " %s\n", address);
        const char *first = strstr(leases, needle);
        CHECK(first && !strstr(first + 1, needle));
    }
}

int main(void) {
    test_same();
    test_others_come_and_go();
    test_no_two_alike();
    return EXIT_SUCCESS;
}
