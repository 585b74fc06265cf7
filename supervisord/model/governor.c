/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What should hold now: which workloads should have processes, and when that may change by itself. Pure: the same
 * policy, ledger and time give the same decision.
 */

#include "model/governor.h"

#include <errno.h>

/* Back-offs that are over ask for no wake-up: their start is part of this very decision. */
static uint64_t wake_for(const Run *run, const Workload *workload, uint64_t now_usec) {
    bool waits = run->state == RUN_BACKOFF && workload->life.running && run->next_start_usec > now_usec;
    return waits ? run->next_start_usec : UINT64_MAX;
}

static const Run *run_of(const Ledger *ledger, const Group *group) {
    static const Run fresh;
    const LedgerEntry *entry = ledger_find(ledger, group->name);
    return entry ? &entry->run : &fresh;
}

/* It does not run now, and will without anybody asking for it; but not by this decision. */
static bool is_on_its_way(const Run *run, const Group *group, uint64_t now_usec) {
    if (!group->workload->life.running || group_frozen_by(group))
        return false;
    bool waits = run->state == RUN_BACKOFF && run->next_start_usec > now_usec && run->next_start_usec < UINT64_MAX;
    return run->state == RUN_STARTING || run->state == RUN_STOPPING || waits;
}

/*
 * Where everything stands still, nothing can start: a child would never come to its exec. Who shares the network of another
 * waits for it; where that is not on its way, the start is tried, and fails by itself.
 */
static bool can_start(const Ledger *ledger, const Group *group, uint64_t now_usec) {
    const Group *owner = group->workload->wiring.owner;
    return !group_frozen_by(group) && !(owner && is_on_its_way(run_of(ledger, owner), owner, now_usec));
}

static Wish wish_for(const Ledger *ledger, const Group *group, uint64_t now_usec) {
    const Run *run = run_of(ledger, group);
    if (!run_wanted(run, group->workload, now_usec))
        return WISH_ABSENT;
    if (run_is_alive(run))
        return WISH_KEEP;
    return can_start(ledger, group, now_usec) ? WISH_START : WISH_ABSENT;
}

int governor_decide(const Policy *policy, const Ledger *ledger, uint64_t now_usec, Decision *ret) {
    uint64_t wake_usec = UINT64_MAX;
    Wish *wishes = calloc(policy->n_groups + 1, sizeof *wishes);
    uint64_t *left_alone = calloc(policy->n_groups + 1, sizeof *left_alone);
    uint64_t *restarts = calloc(policy->n_groups + 1, sizeof *restarts);
    uint64_t *retries_usec = calloc(policy->n_groups + 1, sizeof *retries_usec);
    *ret = (Decision){ .wishes = wishes,
        .restarts = restarts,
        .retries_usec = retries_usec,
        .left_alone = left_alone,
        .n_groups = policy->n_groups };
    if (!wishes || !left_alone || !restarts || !retries_usec) {
        decision_done(ret);
        return -ENOMEM;
    }

    for (size_t i = 0; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i];
        const LedgerEntry *entry = ledger_find(ledger, group->name);
        if (entry && policy->settings.drift == DRIFT_REPORT)
            left_alone[i] = drift_knobs(&entry->drift);
        if (group->kind != GROUP_WORKLOAD)
            continue;

        const Run *run = run_of(ledger, group);
        restarts[i] = run_restarts_with_next(run);
        wishes[i] = wish_for(ledger, group, now_usec);
        if (wishes[i] == WISH_START) /* no start without all that the policy asks for */
            left_alone[i] = 0;
        uint64_t wake = wake_for(run, group->workload, now_usec);
        if (wake < UINT64_MAX)
            retries_usec[i] = wake - now_usec;
        if (wake < wake_usec)
            wake_usec = wake;
    }

    ret->wake_usec = wake_usec;
    return 0;
}

void decision_done(Decision *decision) {
    free(decision->wishes);
    free(decision->restarts);
    free(decision->retries_usec);
    free(decision->left_alone);
    *decision = (Decision){ 0 };
}
