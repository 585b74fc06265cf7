/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Weights by which reserves hold (model/weight.h), where any of siblings has one. All groups of the policy count as if they
 * ran and wanted everything: then a start, an exit or a dead daemon changes nothing about the weights of others.
 */

#include "model/policy/weigh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/share-policy.h"
#include "model/weight.h"

enum {
    BESIDE_THE_OUTERMOST = 100, /* the weight of the leaf in which relays run */
    PPM_WHOLE = 1000 * 1000,
};

typedef struct Weighing {
    Policy *policy;
    uint64_t *entitled;  /* the tree, then each group in its place */
    WeightClaim *claims; /* of the siblings at hand */
    uint64_t *weights;
} Weighing;

static void weighing_done(Weighing *w) {
    free(w->entitled);
    free(w->claims);
    free(w->weights);
}

static uint64_t reserve_of(const Group *group) {
    return limit_value_granted(&group->limits[LIMIT_CPU_RESERVE]);
}

static bool is_idle(const Group *group) {
    const LimitValue *weight = &group->limits[LIMIT_CPU_WEIGHT];

    return weight->is_set && weight->amount == CPU_WEIGHT_IDLE;
}

/* --- what each is entitled to ------------------------------------------------------------------------------------- */

static int entitle(const Policy *policy, const LimitScale *scale, uint64_t tree_usec, uint64_t ret[]) {
    _cleanup_(share_tree_done) ShareTree tree = {};
    _cleanup_(cleanup_free) bool *all = malloc(policy->n_groups * sizeof *all);
    CpuSet cpus = {};

    if (!all)
        return -ENOMEM;
    memset(all, true, policy->n_groups * sizeof *all);
    for (unsigned i = 0; i < scale->cpus; i++)
        cpu_set_add(&cpus, i);
    int r = share_tree_make(policy, all, CPU_QUOTA_PER_CPU, &tree);
    if (r < 0)
        return r;
    tree.nodes[0].quota = tree_usec;
    return share_entitle(tree.nodes, tree.n, &(ShareHost){ &cpus, CPU_QUOTA_PER_CPU }, ret);
}

/* --- siblings ----------------------------------------------------------------------------------------------------- */

/* `first` is the first of them. */
static void weigh_siblings(Weighing *w, const Group *first) {
    Policy *policy = w->policy;
    bool reserved = false;
    size_t n = 0;

    for (size_t i = first->index; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i];
        if (group->parent != first->parent)
            continue;
        reserved = reserved || reserve_of(group) > 0;
        w->claims[n++] = (WeightClaim){ w->entitled[i + 1], reserve_of(group), is_idle(group) };
    }
    if (!reserved)
        return;
    weights_find(w->claims, n, first->parent ? 0 : BESIDE_THE_OUTERMOST, w->weights);
    n = 0;
    for (size_t i = first->index; i < policy->n_groups; i++)
        if (policy->groups[i]->parent == first->parent)
            policy->groups[i]->limits[LIMIT_CPU_RESERVE].weight = w->weights[n++];
}

/* Among the groups that have no parent, or just this one. */
static const Group *first_in(const Policy *policy, const Group *parent) {
    for (size_t i = parent ? parent->index + 1 : 0; i < policy->n_groups; i++)
        if (policy->groups[i]->parent == parent)
            return policy->groups[i];
    return NULL;
}

static void weigh_in(Weighing *w, const Group *parent, uint64_t reserved) {
    const Group *first = reserved > 0 ? first_in(w->policy, parent) : NULL;

    if (first)
        weigh_siblings(w, first);
}

/* What the tree is to have of the node when others want all of it. What is not reserved is for both, half and half. */
static uint64_t reserve_of_tree(const LimitValue *value, uint64_t node) {
    return value->is_set ? value->amount : value->below + (node - value->below) / 2;
}

int policy_weigh(Policy *policy, const LimitScale *scale) {
    const LimitValue *value = &policy->settings.tree[LIMIT_CPU_RESERVE];
    uint64_t node = scale->cpus * CPU_QUOTA_PER_CPU, tree = reserve_of_tree(value, node);
    _cleanup_(weighing_done) Weighing w = {
        .policy = policy,
        .entitled = calloc(policy->n_groups + 1, sizeof *w.entitled),
        .claims = calloc(policy->n_groups + 1, sizeof *w.claims),
        .weights = calloc(policy->n_groups + 1, sizeof *w.weights),
    };

    if (!w.entitled || !w.claims || !w.weights)
        return -ENOMEM;
    if (limit_value_granted(value) == 0)
        return 0;
    policy->settings.tree_cpu_ppm = tree * PPM_WHOLE / node;
    int r = entitle(policy, scale, tree, w.entitled);
    if (r < 0)
        return r;
    weigh_in(&w, NULL, value->below);
    for (size_t i = 0; i < policy->n_groups; i++)
        weigh_in(&w, policy->groups[i], policy->groups[i]->limits[LIMIT_CPU_RESERVE].below);
    return 0;
}

bool policy_weights_differ(const Policy *a, const Policy *b) {
    for (size_t i = 0; i < a->n_groups; i++) {
        const Group *one = a->groups[i], *other = policy_group(b, one->name);
        if (other && one->limits[LIMIT_CPU_RESERVE].weight != other->limits[LIMIT_CPU_RESERVE].weight)
            return true;
    }
    return false;
}
