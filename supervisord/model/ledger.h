/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Ledger: what is known of each slice and workload over time: the last sample, the run, what is degraded, and the
 * journal of actions. Bounded; kept by name, so that it outlives a reload.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/parse.h"
#include "bpf/slot.h"
#include "model/drift.h"
#include "model/meter.h"
#include "model/policy.h"
#include "model/run.h"

enum {
    LEDGER_ACTIONS = 256, /* of the node */
    LEDGER_ACTION_TEXT = 192,
};

typedef struct LedgerEntry {
    char *name;
    GroupKind kind;
    Sample sample;          /* the last */
    Run run;                /* workloads only */
    char *degraded;         /* the failed step in words; owned; NULL: healthy */
    Drift drift;            /* what somebody else has changed */
    struct account account; /* of its CPU time, unless that is kept where it outlives the daemon */
    uint64_t entitled;      /* to, in the last window: millionths of a CPU */
} LedgerEntry;

typedef struct LedgerAction {
    uint64_t at_usec;                 /* CLOCK_MONOTONIC */
    char object[NAME_LENGTH_MAX + 1]; /* slice, workload or network that it is about; "": the node */
    char text[LEDGER_ACTION_TEXT];
} LedgerAction;

typedef struct Ledger Ledger;

int ledger_new(Ledger **ret);
Ledger *ledger_free(Ledger *ledger);
DEFINE_CLEANUP(Ledger *, ledger_free);

/* The entry of a name; creates it. -ENOMEM. */
int ledger_entry(Ledger *ledger, const char *name, GroupKind kind, LedgerEntry **ret);
LedgerEntry *ledger_find(const Ledger *ledger, const char *name); /* NULL if there is none */
void ledger_forget(Ledger *ledger, const char *name);
/* Walks all entries; start with *cursor = 0; NULL at the end. */
LedgerEntry *ledger_next(const Ledger *ledger, size_t *cursor);

void ledger_entry_set_sample(LedgerEntry *entry, const Sample *sample);
const Sample *ledger_entry_sample(const LedgerEntry *entry);          /* NULL: none yet */
void ledger_entry_set_degraded(LedgerEntry *entry, const char *text); /* NULL: healthy again */
void ledger_entry_set_drift(LedgerEntry *entry, Drift *drift);        /* takes it */
/* What is wrong: a start that failed, else a step of the last plan, else what has drifted. NULL: nothing. */
const char *ledger_entry_degraded(const LedgerEntry *entry);

__attribute__((format(printf, 4, 5))) void ledger_journal(
        Ledger *ledger, uint64_t now_usec, const char *object, const char *format, ...);
/* Actions are numbered from 1; the number of the newest, 0: there was none. */
uint64_t ledger_last_action(const Ledger *ledger);
/* The i-th action, newest first; NULL past the oldest. */
const LedgerAction *ledger_action(const Ledger *ledger, size_t i);
