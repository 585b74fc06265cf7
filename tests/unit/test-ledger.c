/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The ledger finds what it was told, forgets what is gone, and stays bounded. */

#include "model/ledger.h"

#include "unit/check.h"

enum { MANY = 500 };

static LedgerEntry *entry_of(Ledger *ledger, const char *name, GroupKind kind) {
    LedgerEntry *entry;

    CHECK_EQ(ledger_entry(ledger, name, kind, &entry), 0);
    return entry;
}

static void test_entries(void) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;
    size_t cursor = 0;

    CHECK_EQ(ledger_new(&ledger), 0);
    CHECK(ledger_find(ledger, "web") == NULL);
    CHECK(ledger_next(ledger, &cursor) == NULL);
    LedgerEntry *web = entry_of(ledger, "web", GROUP_WORKLOAD);
    entry_of(ledger, "db", GROUP_WORKLOAD);
    entry_of(ledger, "prod", GROUP_SLICE);
    CHECK(entry_of(ledger, "web", GROUP_WORKLOAD) == web);
    CHECK(ledger_find(ledger, "web") == web);
    CHECK(ledger_find(ledger, "we") == NULL);

    CHECK_STREQ(ledger_next(ledger, &cursor)->name, "db");
    CHECK_STREQ(ledger_next(ledger, &cursor)->name, "prod");
    CHECK(ledger_next(ledger, &cursor) == web);
    CHECK(ledger_next(ledger, &cursor) == NULL);

    ledger_forget(ledger, "db");
    ledger_forget(ledger, "nobody");
    CHECK(ledger_find(ledger, "db") == NULL);
    CHECK(ledger_find(ledger, "web") == web);
}

/* In an order that is neither sorted nor reversed; each found again, half of them forgotten. */
static void test_many(void) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;
    char name[32];
    size_t n = 0;

    CHECK_EQ(ledger_new(&ledger), 0);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "w%u", i * 7919 % MANY);
        entry_of(ledger, name, GROUP_WORKLOAD)->run.leaf = i * 7919 % MANY;
    }
    for (unsigned i = 0; i < MANY; i += 2) {
        snprintf(name, sizeof name, "w%u", i);
        ledger_forget(ledger, name);
    }
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "w%u", i);
        const LedgerEntry *entry = ledger_find(ledger, name);
        CHECK_EQ(entry != NULL, i % 2);
        CHECK(!entry || entry->run.leaf == i);
    }
    for (size_t cursor = 0; ledger_next(ledger, &cursor);)
        n++;
    CHECK_EQ(n, MANY / 2);
}

static void test_other_kind(void) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;
    Sample sample = { .at_usec = 1 };

    CHECK_EQ(ledger_new(&ledger), 0);
    LedgerEntry *entry = entry_of(ledger, "x", GROUP_SLICE);
    ledger_entry_set_sample(entry, &sample);
    ledger_entry_set_degraded(entry, "memory.max: Invalid argument");
    entry = entry_of(ledger, "x", GROUP_WORKLOAD);
    CHECK_EQ(entry->kind, GROUP_WORKLOAD);
    CHECK(ledger_entry_sample(entry) == NULL);
    CHECK(entry->degraded == NULL);
}

static void test_sample(void) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;

    CHECK_EQ(ledger_new(&ledger), 0);
    LedgerEntry *entry = entry_of(ledger, "web", GROUP_WORKLOAD);
    CHECK(ledger_entry_sample(entry) == NULL);
    for (uint64_t at = 1; at <= 3; at++) {
        Sample sample = { .at_usec = at };
        ledger_entry_set_sample(entry, &sample);
        CHECK_EQ(ledger_entry_sample(entry)->at_usec, at);
    }
}

static void test_degraded(void) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;

    CHECK_EQ(ledger_new(&ledger), 0);
    LedgerEntry *entry = entry_of(ledger, "web", GROUP_WORKLOAD);
    ledger_entry_set_degraded(entry, "first");
    ledger_entry_set_degraded(entry, "second");
    CHECK_STREQ(entry->degraded, "second");
    ledger_entry_set_degraded(entry, NULL);
    CHECK_STREQ(entry->degraded, NULL);
    ledger_entry_set_degraded(entry, "left to the ledger to free");
}

static void test_journal(void) {
    _cleanup_(cleanup_ledger_free) Ledger *ledger = NULL;

    CHECK_EQ(ledger_new(&ledger), 0);
    CHECK(ledger_action(ledger, 0) == NULL);
    for (unsigned i = 0; i < LEDGER_ACTIONS + 10; i++)
        ledger_journal(ledger, i, i % 2 ? "web" : "", "action %u", i);
    CHECK_STREQ(ledger_action(ledger, 0)->text, "action 265");
    CHECK_STREQ(ledger_action(ledger, 0)->object, "web");
    CHECK_STREQ(ledger_action(ledger, 1)->object, "");
    CHECK(ledger_last_action(ledger) == LEDGER_ACTIONS + 10);
    CHECK_EQ(ledger_action(ledger, 0)->at_usec, LEDGER_ACTIONS + 9);
    CHECK_STREQ(ledger_action(ledger, LEDGER_ACTIONS - 1)->text, "action 10");
    CHECK(ledger_action(ledger, LEDGER_ACTIONS) == NULL);

    ledger_journal(ledger, 0, "web", "%0*d", LEDGER_ACTION_TEXT * 2, 0);
    CHECK_EQ(strlen(ledger_action(ledger, 0)->text), LEDGER_ACTION_TEXT - 1);
}

int main(void) {
    test_entries();
    test_many();
    test_other_kind();
    test_sample();
    test_degraded();
    test_journal();
    CHECK(ledger_free(NULL) == NULL);
    return EXIT_SUCCESS;
}
