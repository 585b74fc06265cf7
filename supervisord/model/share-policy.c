/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Only what runs is in it: a group without processes has no claim on anything. */

#include "model/share-policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

enum { WEIGHT_DEFAULT = 100 };

/* A limit in microseconds of 100 ms as those of the window. */
static uint64_t in_window(uint64_t amount, uint64_t window_usec) {
    unsigned __int128 scaled = (unsigned __int128) amount * window_usec / CPU_QUOTA_PER_CPU;
    return scaled < SHARE_QUOTA_NONE ? scaled : SHARE_QUOTA_NONE;
}

static ShareNode node_of(const LimitValue values[], size_t parent, uint64_t window_usec) {
    const LimitValue *weight = values + LIMIT_CPU_WEIGHT, *quota = values + LIMIT_CPU_QUOTA;
    return (ShareNode){
        .parent = parent,
        .weight = weight->is_set ? weight->amount : WEIGHT_DEFAULT,
        .reserve = in_window(limit_value_granted(values + LIMIT_CPU_RESERVE), window_usec),
        .quota = quota->is_set ? in_window(quota->amount, window_usec) : SHARE_QUOTA_NONE,
        .cpus = values[LIMIT_ALLOWED_CPUS].set,
        .demand = SHARE_DEMAND_ALL,
    };
}

/* Marks the workloads that run and all slices around them. */
static void find_present(const Policy *policy, const bool runs[], bool present[]) {
    for (size_t i = policy->n_groups; i-- > 0;) {
        const Group *group = policy->groups[i];

        if (runs ? runs[i] : group->workload && group->workload->life.running)
            present[i] = true;
        if (present[i] && group->parent)
            present[group->parent->index] = true;
    }
}

/* place[]: of each group that is present, where its node is. */
static void add_nodes(
        const Policy *policy, const bool present[], uint64_t window_usec, size_t place[], ShareTree *tree) {
    tree->nodes[tree->n++] = node_of(policy->settings.tree, 0, window_usec);
    for (size_t i = 0; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i];

        if (!present[i])
            continue;
        place[i] = tree->n;
        tree->groups[tree->n] = group;
        tree->nodes[tree->n++] = node_of(group->limits, group->parent ? place[group->parent->index] : 0, window_usec);
    }
}

int share_tree_make(const Policy *policy, const bool runs[], uint64_t window_usec, ShareTree *ret) {
    _cleanup_(share_tree_done) ShareTree tree = { .nodes = calloc(policy->n_groups + 1, sizeof *tree.nodes),
        .groups = calloc(policy->n_groups + 1, sizeof *tree.groups) };
    _cleanup_(cleanup_free) bool *present = calloc(policy->n_groups + 1, sizeof *present);
    _cleanup_(cleanup_free) size_t *place = calloc(policy->n_groups + 1, sizeof *place);
    if (!tree.nodes || !tree.groups || !present || !place)
        return -ENOMEM;

    find_present(policy, runs, present);
    add_nodes(policy, present, window_usec, place, &tree);
    *ret = tree;
    tree = (ShareTree){ 0 };
    return 0;
}

int share_entitle_groups(const Policy *policy, const bool runs[], const ShareHost *host, uint64_t ret[]) {
    _cleanup_(share_tree_done) ShareTree tree = { 0 };
    int r = share_tree_make(policy, runs, host->window_usec, &tree);
    if (r < 0)
        return r;
    _cleanup_(cleanup_free) uint64_t *entitled = calloc(tree.n, sizeof *entitled);
    if (!entitled)
        return -ENOMEM;
    r = share_entitle(tree.nodes, tree.n, host, entitled);
    if (r < 0)
        return r;
    memset(ret, 0, policy->n_groups * sizeof *ret);
    for (size_t i = 1; i < tree.n; i++)
        ret[tree.groups[i]->index] = entitled[i];
    return 0;
}

void share_tree_done(ShareTree *tree) {
    free(tree->nodes);
    free(tree->groups);
    *tree = (ShareTree){ 0 };
}

bool share_same_contract(const LimitValue a[LIMITS_COUNT], const LimitValue b[LIMITS_COUNT]) {
    const ShareNode one = node_of(a, 0, USEC_PER_SEC), other = node_of(b, 0, USEC_PER_SEC);
    bool same_cpus = one.cpus && other.cpus ? cpu_set_equal(one.cpus, other.cpus) : one.cpus == other.cpus;
    return one.weight == other.weight && one.reserve == other.reserve && one.quota == other.quota && same_cpus;
}
