/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Account: what became of the CPU time that a group was entitled to, window by window (model/share.h has the algebra). A
 * window reaches from one reading of the meters to the next, however long that is. What is handed in is that of its end: who
 * is in it, what their counters say, and the policy that held.
 *
 * A group's totals stand in memory that may outlive the daemon. They never step back.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu-set.h"
#include "bpf/slot.h"
#include "model/meter.h"
#include "model/policy.h"

/* The copy that counts. */
struct account_counts account_read(const struct account *account);
/* As one: whoever reads after a death in between has the counts before. Begins the account if nobody has. */
void account_write(struct account *account, const struct account_counts *counts);
/* What was kept in one place goes on in another, unless that is begun already; then nothing is kept in the first. */
void account_move(struct account *from, struct account *to);

/* A group at the end of a window. */
typedef struct AccountMember {
    struct account *account;
    const Sample *sample;              /* NULL: not read this time, and no part of the window */
    uint64_t started_usec, ended_usec; /* a workload's last run; UINT64_MAX: it goes on */
    uint64_t entitled;                 /* set: millionths of a CPU; 0 when it had no claim in the window */
} AccountMember;

/* One window of the whole tree. */
typedef struct AccountWindow {
    uint64_t length_usec;
    uint64_t waited_usec;   /* by the workloads, not for their own quotas */
    uint64_t residual_usec; /* by which borrowed and idle are not what was lent and denied; rounding apart, 0 */
} AccountWindow;

typedef struct AccountNow {
    uint64_t usec;       /* CLOCK_MONOTONIC: when the window ends */
    uint64_t since_usec; /* where it begins if it is the first of all: the daemon's own start */
    const CpuSet *cpus;  /* that the tree may use */
} AccountNow;

/*
 * members: of each group of the policy, by index. A workload has a claim in a window when it ran for half of it at least; what
 * another one used is borrowed. -ENOMEM: nothing is accounted, and the window goes on.
 */
int account_window(const Policy *policy, AccountMember members[], const AccountNow *now, AccountWindow *ret);
/* The totals as meters. */
void account_show(const struct account *account, Sample *sample);
/* Whether a window may reach over the change of policy: nobody who is in both has another contract about CPUs. */
bool account_goes_on(const Policy *before, const Policy *after);
/* Whether anybody has a contract about CPUs: without one, all are equal, and nobody asks who got how much. */
bool account_is_wanted(const Policy *policy);
