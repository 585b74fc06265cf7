/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is known of each slice and workload over time. Entries are kept sorted by name and never move in memory, so a
 * LedgerEntry pointer holds until that name is forgotten.
 */

#include "model/ledger.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct Ledger {
    LedgerEntry **entries; /* sorted by name */
    size_t n_entries, n_allocated;
    LedgerAction actions[LEDGER_ACTIONS];
    size_t n_actions; /* ever; the newest is at (n_actions - 1) % LEDGER_ACTIONS */
};

static LedgerEntry *entry_free(LedgerEntry *entry) {
    if (!entry)
        return NULL;

    free(entry->name);
    free(entry->degraded);
    drift_done(&entry->drift);
    run_done(&entry->run);
    free(entry);
    return NULL;
}
DEFINE_CLEANUP(LedgerEntry *, entry_free);

int ledger_new(Ledger **ret) {
    Ledger *ledger = calloc(1, sizeof *ledger);
    if (!ledger)
        return -ENOMEM;

    *ret = ledger;
    return 0;
}

Ledger *ledger_free(Ledger *ledger) {
    if (!ledger)
        return NULL;

    for (size_t i = 0; i < ledger->n_entries; i++)
        entry_free(ledger->entries[i]);
    free(ledger->entries);
    free(ledger);
    return NULL;
}

/* The position of name, or the one where it belongs. */
static size_t entry_position(const Ledger *ledger, const char *name) {
    size_t low = 0, high = ledger->n_entries;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(ledger->entries[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool entry_is_at(const Ledger *ledger, size_t position, const char *name) {
    return position < ledger->n_entries && strcmp(ledger->entries[position]->name, name) == 0;
}

static int entry_new(const char *name, GroupKind kind, LedgerEntry **ret) {
    _cleanup_(cleanup_entry_free) LedgerEntry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return -ENOMEM;

    entry->name = strdup(name);
    if (!entry->name)
        return -ENOMEM;
    entry->kind = kind;

    *ret = TAKE_PTR(entry);
    return 0;
}

int ledger_entry(Ledger *ledger, const char *name, GroupKind kind, LedgerEntry **ret) {
    size_t position = entry_position(ledger, name);
    bool known = entry_is_at(ledger, position, name);
    if (known && ledger->entries[position]->kind == kind) {
        *ret = ledger->entries[position];
        return 0;
    }

    LedgerEntry *entry;
    int r = entry_new(name, kind, &entry);
    if (r < 0)
        return r;
    r = grow(&ledger->entries, sizeof *ledger->entries, ledger->n_entries, &ledger->n_allocated);
    if (r < 0) {
        entry_free(entry);
        return r;
    }

    if (known) { /* a workload took a slice's name, or the other way round: it has no past */
        entry_free(ledger->entries[position]);
    } else {
        LedgerEntry **at = ledger->entries + position;
        memmove(at + 1, at, (ledger->n_entries++ - position) * sizeof *at);
    }
    *ret = ledger->entries[position] = entry;
    return 0;
}

LedgerEntry *ledger_find(const Ledger *ledger, const char *name) {
    size_t position = entry_position(ledger, name);
    return entry_is_at(ledger, position, name) ? ledger->entries[position] : NULL;
}

void ledger_forget(Ledger *ledger, const char *name) {
    size_t position = entry_position(ledger, name);
    if (!entry_is_at(ledger, position, name))
        return;

    LedgerEntry **at = ledger->entries + position;
    entry_free(*at);
    memmove(at, at + 1, (--ledger->n_entries - position) * sizeof *at);
}

LedgerEntry *ledger_next(const Ledger *ledger, size_t *cursor) {
    return *cursor < ledger->n_entries ? ledger->entries[(*cursor)++] : NULL;
}

void ledger_entry_set_sample(LedgerEntry *entry, const Sample *sample) {
    entry->sample = *sample;
}

const Sample *ledger_entry_sample(const LedgerEntry *entry) {
    return entry->sample.at_usec > 0 ? &entry->sample : NULL;
}

void ledger_entry_set_degraded(LedgerEntry *entry, const char *text) {
    char *degraded = text ? strdup(text) : NULL;
    if (text && !degraded)
        return;

    free(entry->degraded);
    entry->degraded = degraded;
}

void ledger_entry_set_drift(LedgerEntry *entry, Drift *drift) {
    drift_done(&entry->drift);
    entry->drift = *drift;
    *drift = (Drift){};
}

const char *ledger_entry_degraded(const LedgerEntry *entry) {
    return entry->run.failure ?: entry->degraded ?: entry->drift.text;
}

void ledger_journal(Ledger *ledger, uint64_t now_usec, const char *object, const char *format, ...) {
    LedgerAction *action = &ledger->actions[ledger->n_actions++ % LEDGER_ACTIONS];
    va_list arguments;

    action->at_usec = now_usec;
    snprintf(action->object, sizeof action->object, "%s", object);
    va_start(arguments, format);
    vsnprintf(action->text, sizeof action->text, format, arguments);
    va_end(arguments);
}

uint64_t ledger_last_action(const Ledger *ledger) {
    return ledger->n_actions;
}

const LedgerAction *ledger_action(const Ledger *ledger, size_t i) {
    if (i >= ledger->n_actions || i >= LEDGER_ACTIONS)
        return NULL;
    return &ledger->actions[(ledger->n_actions - 1 - i) % LEDGER_ACTIONS];
}
