/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Amendments: a policy in which one workload is new, different or gone, for little more than what that workload costs.
 * Only where nothing that was checked between workloads can have changed.
 */

#include "model/policy/amend.h"

#include <errno.h>
#include <string.h>

static bool is_on_a_network(const Wiring *wiring) {
    return wiring->mode == NETWORK_BRIDGE || wiring->mode == NETWORK_WORKLOAD || wiring->shared;
}

/* Reserves add up in the slices above; addresses and ports are the networks', or of those that share one. */
static bool bears_on_others(const Group *group) {
    if (!group)
        return false;
    if (!group->workload || is_on_a_network(&group->workload->wiring))
        return true;
    FOREACH_LIMIT (limit)
        if (limit->reach == LIMIT_REACH_GRANTED && group->limits[limit->id].is_set)
            return true;
    return false;
}

/* What weights by which reserves hold are made of. */
static bool claims_the_same(const Group *a, const Group *b) {
    static const LimitId numbers[] = { LIMIT_CPU_WEIGHT, LIMIT_CPU_QUOTA };
    const LimitValue *cpus_of_a = &a->limits[LIMIT_ALLOWED_CPUS], *cpus_of_b = &b->limits[LIMIT_ALLOWED_CPUS];

    for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
        const LimitValue *of_a = &a->limits[numbers[i]], *of_b = &b->limits[numbers[i]];
        if (of_a->is_set != of_b->is_set || of_a->amount != of_b->amount)
            return false;
    }
    return cpus_of_a->is_set == cpus_of_b->is_set &&
           (!cpus_of_a->is_set || cpu_set_equal(cpus_of_a->set, cpus_of_b->set));
}

/* Where CPU time is reserved, all that could take any of it are weighed against each other. */
static bool changes_weights(const Policy *policy, const Group *before, const Group *after) {
    if (policy->settings.tree_cpu_ppm == 0 || (!before && !after))
        return false;
    return !before || !after || !claims_the_same(before, after);
}

/* Those after one that goes get other places, unless others point to them: from within a slice, or to share its network. */
static bool can_go(const Policy *policy, const Group *group) {
    for (size_t i = group->index + 1; i < policy->n_groups; i++)
        if (!policy->groups[i]->workload || policy->groups[i]->workload->wiring.shared)
            return false;
    return true;
}

/* With room for one more. */
static Policy *share(Policy *policy) {
    Policy *shared = calloc(1, sizeof *shared);
    Group **groups = calloc(policy->n_groups + 1, sizeof *groups);
    Group **by_name = calloc(policy->n_groups + 1, sizeof *by_name);

    if (!shared || !groups || !by_name) {
        free(shared);
        free(groups);
        free(by_name);
        return NULL;
    }
    *shared = *policy;
    shared->n_references = 1;
    shared->base = policy_ref(policy->base ?: policy);
    shared->groups = groups;
    shared->by_name = by_name;
    for (size_t i = 0; i < policy->n_groups; i++) {
        groups[i] = group_ref(policy->groups[i]);
        by_name[i] = policy->by_name[i];
    }
    return shared;
}

/* Takes the new one in the place of the old one, which has the same name. */
static void replace(Policy *policy, Group *old, Group *group) {
    size_t rank = 0;

    while (policy->by_name[rank] != old)
        rank++;
    policy->by_name[rank] = group;
    policy->groups[old->index] = group;
    group->index = old->index;
    group_unref(old);
}

static void append(Policy *policy, Group *group) {
    group->index = policy->n_groups;
    policy->groups[policy->n_groups++] = group;
    policy_index_group(policy, group);
}

static void leave_out(Group **groups, size_t n, const Group *group) {
    size_t at = 0;

    while (groups[at] != group)
        at++;
    memmove(groups + at, groups + at + 1, (n - at - 1) * sizeof *groups);
}

/* In its new place it is another object, for other policies have it in the old one. */
static int move_up(Policy *policy, size_t at) {
    Group *group = policy->groups[at], *moved = malloc(sizeof *moved);
    size_t rank = 0;

    if (!moved)
        return -ENOMEM;
    *moved = *group;
    moved->n_references = 1;
    moved->lender = group_ref(group->lender ?: group);
    moved->index = at;
    while (policy->by_name[rank] != group)
        rank++;
    policy->by_name[rank] = policy->groups[at] = moved;
    group_unref(group);
    return 0;
}

static int take_out(Policy *policy, Group *group) {
    int r = 0;

    leave_out(policy->by_name, policy->n_groups, group);
    leave_out(policy->groups, policy->n_groups--, group);
    for (size_t i = group->index; i < policy->n_groups && r == 0; i++)
        r = move_up(policy, i);
    group_unref(group);
    return r;
}

/* Lines are counted in the whole text, not in what is left of it. */
static int keep_origin(Group *group, const Group *before) {
    char *file = strdup(before->origin.file);

    if (!file)
        return -ENOMEM;
    free(group->origin.file);
    group->origin = (Origin){ file, before->origin.line };
    return 0;
}

/* What it points to in its own policy it has in the other one, too. */
static int adopt(const Policy *policy, const Group *before, Group *group) {
    Group *parent = group->parent ? policy_group(policy, group->parent->name) : NULL;

    if (group->parent && !parent)
        return -EXDEV;
    int r = before ? keep_origin(group, before) : 0;
    if (r < 0)
        return r;
    group->parent = parent;
    if (before)
        group->limits[LIMIT_CPU_RESERVE].weight = before->limits[LIMIT_CPU_RESERVE].weight;
    return 0;
}

int policy_amend(Policy *policy, const char *workload, const Policy *narrow, Policy **ret) {
    Group *before = policy_group(policy, workload), *after = policy_group(narrow, workload);
    int r = 0;

    if (bears_on_others(before) || bears_on_others(after) || changes_weights(policy, before, after) ||
            (before && !after && !can_go(policy, before)) || (!before && after && policy->n_groups >= GROUPS_MAX))
        return -EXDEV;
    _cleanup_(cleanup_policy_unref) Policy *amended = share(policy);
    if (!amended)
        return -ENOMEM;
    if (after)
        r = adopt(policy, before, after);
    if (r >= 0 && before && after)
        replace(amended, before, group_ref(after));
    else if (r >= 0 && after)
        append(amended, group_ref(after));
    else if (r >= 0 && before)
        r = take_out(amended, before);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(amended);
    return 0;
}
