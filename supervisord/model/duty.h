/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Duty: who stands still for the next turn, so that CPU time is shared as weights and quotas say where the kernel does not
 * do it. A closed loop: what was used is measured, and whoever is ahead of its fair share stands still for a while. Pure;
 * freezer/ measures, and makes them stand.
 *
 * For weights nobody stands still while CPUs would be idle for it, but for a little; for quotas they do. Nobody stands still
 * for longer than DUTY_STAND_MAX_USEC at a time, whatever it owes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DUTY_TURN_USEC = 20 * 1000,
    DUTY_TURN_MANY_USEC = 50 * 1000,   /* where there are so many workloads that measuring them all takes its time */
    DUTY_TURN_MIN_USEC = 5 * 1000,     /* towards the end of a quota */
    DUTY_TURN_QUIET_USEC = 100 * 1000, /* while there is CPU time enough for all */
    DUTY_STAND_MAX_USEC = 1000 * 1000,
};

/* A slice or a workload. An array of them has parents before children; the first is the tree. */
typedef struct Duty {
    size_t parent; /* the tree's: itself */
    bool is_workload;
    /* by the policy */
    uint64_t weight;                              /* CPU_WEIGHT_IDLE: what nobody else wants */
    uint64_t quota_usec, period_usec, burst_usec; /* quota: UINT64_MAX: none */
    /* of a workload since the last turn */
    uint64_t used_usec, waited_usec; /* waited: some of it could have run, and did not */
    /* since earlier turns; all zero at first */
    uint64_t demand_milli; /* thousandths of a CPU that it wanted when it ran last */
    uint64_t width_milli;  /* that it can use at most, as far as is known */
    int64_t behind_usec;   /* its fair share; below 0: ahead of it */
    int64_t budget_usec;   /* left of its quota; below 0: it owes */
    bool owes;             /* until there is budget enough to run for a while */
    uint64_t stood_usec;   /* without a break */
    /* what is to be until the next turn: of workloads */
    bool stands;
} Duty;

/*
 * Ends a turn of so long on so many CPUs. *ret_next_usec: how long the next one is to be at most. -ENOMEM, -EINVAL: nobody
 * stands.
 */
int duty_turn(Duty duties[], size_t n, unsigned cpus, uint64_t elapsed_usec, uint64_t *ret_next_usec);
