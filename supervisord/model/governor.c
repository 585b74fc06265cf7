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

/* Where everything stands still, nothing can start: a child would never come to its exec. */
static Wish wish_for(const Run *run, const Group *group, uint64_t now_usec) {
    if (!run_wanted(run, group->workload, now_usec))
        return WISH_ABSENT;
    if (run_is_alive(run))
        return WISH_KEEP;
    return group_frozen_by(group) ? WISH_ABSENT : WISH_START;
}

int governor_decide(const Policy *policy, const Ledger *ledger, uint64_t now_usec, Decision *ret) {
    static const Run fresh;
    uint64_t wake_usec = UINT64_MAX;
    Wish *wishes = calloc(policy->n_groups + 1, sizeof *wishes);
    uint64_t *left_alone = calloc(policy->n_groups + 1, sizeof *left_alone);
    uint64_t *restarts = calloc(policy->n_groups + 1, sizeof *restarts);
    *ret = (Decision){ .wishes = wishes, .restarts = restarts, .left_alone = left_alone, .n_groups = policy->n_groups };
    if (!wishes || !left_alone || !restarts) {
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

        const Run *run = entry ? &entry->run : &fresh;
        restarts[i] = run_restarts_with_next(run);
        wishes[i] = wish_for(run, group, now_usec);
        if (wishes[i] == WISH_START) /* no start without all that the policy asks for */
            left_alone[i] = 0;
        uint64_t wake = wake_for(run, group->workload, now_usec);
        if (wake < wake_usec)
            wake_usec = wake;
    }

    ret->wake_usec = wake_usec;
    return 0;
}

void decision_done(Decision *decision) {
    free(decision->wishes);
    free(decision->restarts);
    free(decision->left_alone);
    *decision = (Decision){ 0 };
}
