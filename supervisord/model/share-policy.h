/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A policy's contracts as a tree that shares can be computed of. */

#include "model/policy.h"
#include "model/share.h"

typedef struct ShareTree {
    ShareNode *nodes;     /* owned; their sets of CPUs are the policy's */
    const Group **groups; /* whose each node is, in the policy; NULL: the tree itself, the first. The array is owned. */
    size_t n;
} ShareTree;

/*
 * Has the groups that run, by their index in policy->groups, and the slices that they are in; runs NULL: the workloads that
 * are wanted. Their demand is SHARE_DEMAND_ALL. -ENOMEM.
 */
int share_tree_make(const Policy *policy, const bool runs[], uint64_t window_usec, ShareTree *ret);
/* What each group is entitled to, by index; 0 where nothing in it runs. runs as above. -ENOMEM, -E2BIG */
int share_entitle_groups(const Policy *policy, const bool runs[], const ShareHost *host, uint64_t ret[]);
void share_tree_done(ShareTree *tree);
/* Whether two groups with these limits would have the same claim in the same place. */
bool share_same_contract(const LimitValue a[LIMITS_COUNT], const LimitValue b[LIMITS_COUNT]);
