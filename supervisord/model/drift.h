/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Drift: what holds on the node although nobody asked us for it. Somebody else has written to a knob, or a cgroup above the
 * tree grants less of a reserve than is asked for in it. Pure: a plan says what it would set, the node what is above.
 */

#include "model/plan.h"

typedef struct DriftItem {
    KnobId knob;
    char *text; /* "cpu.max holds max 100000, the policy says 20000 100000"; owned */
} DriftItem;

/* Of one group. Zeroed: none. */
typedef struct Drift {
    DriftItem *items;
    size_t n_items, n_allocated;
    char *text; /* all of it in one line; owned; NULL: none */
} Drift;

void drift_done(Drift *drift);
/* What a plan that keeps all that runs would set, and what is above the tree. -ENOMEM. */
int drift_find(const Plan *plan, const Node *node, const Group *group, Drift *ret);
bool drift_has(const Drift *drift, const DriftItem *item);
uint64_t drift_knobs(const Drift *drift); /* by KnobId */
