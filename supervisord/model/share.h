/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Share: what a contract is worth in CPU time, for each group of a tree, as a pure function. Whatever divides CPUs, counts
 * them or shows them is judged by it.
 *
 * All amounts are microseconds of CPU time per window; capacity is CPUs times window. Level by level, what the parent gets is
 * divided among siblings: first what they reserve; the rest by weight, until each has what it can take; then the rest of that
 * equally among those of CPU_WEIGHT_IDLE. What a group can take is the least of its demand, its quota, its CPUs, and what those
 * in it can take. Reserves that are more than there is (the node has shrunk) are met in proportion. Sums are exact: what is
 * divided is all given out, as far as anybody can take it.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/cpu-set.h"

enum { SHARE_NODES_MAX = 8192 };

#define SHARE_DEMAND_ALL UINT64_MAX
#define SHARE_QUOTA_NONE UINT64_MAX

/* One group. Of a tree of them, parents come before children; the first is the tree itself. */
typedef struct ShareNode {
    size_t parent;      /* index, smaller than its own; of the first node ignored, as are weight and reserve */
    uint64_t weight;    /* up to 10000; CPU_WEIGHT_IDLE (0): only what nobody else wants */
    uint64_t reserve;   /* whenever it can take it; what the groups in it reserve counts up to this */
    uint64_t quota;     /* never more; SHARE_QUOTA_NONE */
    const CpuSet *cpus; /* NULL, or nothing of it is its parent's: all of its parent's */
    uint64_t demand;    /* what it would use if it got it, or SHARE_DEMAND_ALL; ignored where groups are in it */
} ShareNode;

typedef struct ShareHost {
    const CpuSet *cpus;
    uint64_t window_usec;
} ShareHost;

/* What each gets. ret has room for n; untouched on failure. -EINVAL: no such tree; -E2BIG: larger than bounds; -ENOMEM. */
int share_allocate(const ShareNode nodes[], size_t n, const ShareHost *host, uint64_t ret[]);
/* What each would get if all wanted everything: its entitlement. */
int share_entitle(const ShareNode nodes[], size_t n, const ShareHost *host, uint64_t ret[]);

/* One group's account of one window. */
typedef struct ShareAccount {
    uint64_t entitled, used;
    uint64_t lent;     /* entitled to, and not wanted */
    uint64_t borrowed; /* used beyond what it is entitled to */
    uint64_t denied;   /* entitled to, wanted, and not got */
} ShareAccount;

/* Demand counts as no less than what was used. borrowed + entitled = used + lent + denied. */
ShareAccount share_account(uint64_t entitled, uint64_t used, uint64_t demand);
