/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How many series a workload can have, and that Metrics= chooses among them. Counted in what is written. */

#include <stdio.h>
#include <string.h>

#include "serve/metrics.h"
#include "unit/check.h"

static Workload any_workload;
static Group slice = { .name = (char[]){ "s" }, .kind = GROUP_SLICE, .index = 0 };
static Group web = {
    .name = (char[]){ "w" }, .kind = GROUP_WORKLOAD, .index = 1, .parent = &slice, .workload = &any_workload
};
static Policy policy = { .groups = (Group *[]){ &slice, &web }, .n_groups = 2 };

/* All that can be known of a group. */
static void know_all(Ledger *ledger, Group *group) {
    LedgerEntry *entry;
    Sample sample = { .at_usec = 1 };

    FOREACH_METER (meter)
        sample_set(&sample, meter->id, 1);
    FOREACH_LIMIT (limit)
        group->limits[limit->id] = (LimitValue){ .is_set = true, .amount = 1 };
    CHECK_EQ(ledger_entry(ledger, group->name, group->kind, &entry), 0);
    ledger_entry_set_sample(entry, &sample);
    entry->run.main_pid = 1;
}

static char *written(void) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;
    MetricsSource source = { .version = "1", .policy = &policy };
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    CHECK(file);
    CHECK_EQ(ledger_new(&ledger), 0);
    know_all(ledger, &slice);
    know_all(ledger, &web);
    source.ledger = ledger;
    metrics_write(&source, EXPOSITION_TEXT, file);
    CHECK_EQ(fclose(file), 0);
    return text;
}

static unsigned count(const char *text, const char *part) {
    unsigned n = 0;

    for (const char *at = text; (at = strstr(at, part)); at++)
        n++;
    return n;
}

static unsigned count_meters(unsigned sets) {
    unsigned n = 0;

    FOREACH_METER (meter)
        n += sets >> meter->set & 1;
    return n;
}

static void test_budget(void) {
    _cleanup_(cleanup_free) char *text = written();
    unsigned n = count(text, "workload=\"w\"");

    CHECK(n > METERS_COUNT);
    if (n > METRICS_SERIES_PER_WORKLOAD_MAX)
        CHECK_FAIL("a workload has %u series, more than %d", n, METRICS_SERIES_PER_WORKLOAD_MAX);
    CHECK_EQ(count_meters(UINT32_MAX), METERS_COUNT);
}

static void test_choice(void) {
    _cleanup_(cleanup_free) char *all = written(), *some = NULL, *none = NULL;

    web.metrics = 1u << METER_SET_PSI | 1u << METER_SET_NET;
    some = written();
    CHECK_EQ(count(some, "workload=\"w\""), count_meters(web.metrics));
    CHECK_EQ(count(some, "{slice=\"s\""), count(all, "{slice=\"s\""));
    web.metrics = 1u << METER_SET_DEVICES;
    none = written();
    CHECK_EQ(count(none, "workload=\"w\""), 0);
    web.metrics = 0;
}

static void test_inheritance(void) {
    unsigned of_slice = policy_metrics_of(&policy, &slice), of_workload = policy_metrics_of(&policy, &web);

    CHECK(of_slice >> METER_SET_HISTOGRAMS & 1);
    CHECK(!(of_workload >> METER_SET_HISTOGRAMS & 1));
    CHECK(!(of_slice >> METER_SET_DEVICES & 1));
    policy.settings.metrics = 1;
    CHECK_EQ(policy_metrics_of(&policy, &web), 1);
    slice.metrics = 2;
    CHECK_EQ(policy_metrics_of(&policy, &web), 2);
    CHECK_EQ(policy_metrics_of(&policy, &slice), 2);
    web.metrics = 4;
    CHECK_EQ(policy_metrics_of(&policy, &web), 4);
    policy.settings.metrics = slice.metrics = web.metrics = 0;
}

int main(void) {
    test_budget();
    test_choice();
    test_inheritance();
    return EXIT_SUCCESS;
}
