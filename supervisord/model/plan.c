/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The difference between what should hold and what holds. What is gone from the policy goes first, so that its names and
 * places are free for what comes; then the tree, the networks, and the groups from the top down: what is to end, directory,
 * controllers for its children, limits, and only then processes. Nothing that is in use goes: it waits for a later plan.
 */

#include <errno.h>
#include <string.h>

#include "base/strv.h"
#include "model/plan-build.h"

enum { PATH_TEXT_MAX = 4096 };

/* What stands in a chain after a step that is known to fail is left out. */
static int result_before_apply(const Plan *plan, const char *object) {
    const Step *last = plan->n_steps > 0 ? plan->steps + plan->n_steps - 1 : NULL;
    bool broken = last && last->result != -EINPROGRESS && strcmp(last->object, object) == 0;
    return broken ? -ECANCELED : -EINPROGRESS;
}

int plan_add_step(PlanBuilder *b, StepKind kind, const char *object, const char *path, Step **ret) {
    Plan *plan = b->plan;
    int r = grow(&plan->steps, sizeof *plan->steps, plan->n_steps, &plan->n_allocated);
    if (r < 0)
        return r;

    int result = result_before_apply(plan, object);
    Step *step = plan->steps + plan->n_steps++;
    *step = (Step){ .kind = kind, .object = strdup(object), .path = path ? strdup(path) : NULL, .result = result };
    if (!step->object || (path && !step->path))
        return -ENOMEM;
    *ret = step;
    return 0;
}

int plan_add_group_step(PlanBuilder *b, StepKind kind, const Group *group, Step **ret) {
    char path[PATH_TEXT_MAX];
    int r = group_path(group, path, sizeof path);
    if (r < 0)
        return r;
    r = plan_add_step(b, kind, group->name, path, ret);
    if (r < 0)
        return r;
    (*ret)->group = group;
    (*ret)->group_kind = group->kind;
    return 0;
}

static int add_found_step(PlanBuilder *b, StepKind kind, const NodeGroup *found, Step **ret) {
    int r = plan_add_step(b, kind, found->name, found->path, ret);
    if (r < 0)
        return r;
    (*ret)->group_kind = found->kind;
    (*ret)->slot = found->slot;
    return 0;
}

/* --- what is where ----------------------------------------------------------------------------------------------- */

/* What the policy wants, where it wants it. */
static bool is_in_place(const PlanBuilder *b, const NodeGroup *found) {
    const Group *group = policy_group(b->policy, found->name);
    char path[PATH_TEXT_MAX];

    return group && group->kind == found->kind && group_path(group, path, sizeof path) == 0 &&
           strcmp(path, found->path) == 0;
}

/* Once for all groups: a plan asks for each of them. */
static int find_in_place(PlanBuilder *b) {
    b->in_place = calloc(b->policy->n_groups + 1, sizeof *b->in_place);
    if (!b->in_place)
        return -ENOMEM;
    for (size_t i = 0; i < b->node->n_groups; i++)
        if (is_in_place(b, b->node->groups + i))
            b->in_place[policy_group(b->policy, b->node->groups[i].name)->index] = b->node->groups + i;
    return 0;
}

/* Itself, or below it. */
static bool is_within(const NodeGroup *found, const NodeGroup *ancestor) {
    size_t length = strlen(ancestor->path);
    return strncmp(found->path, ancestor->path, length) == 0 &&
           (found->path[length] == '/' || found->path[length] == '\0');
}

/* The number of the start that has processes; 0: none has. */
unsigned plan_populated_leaf(const NodeGroup *found) {
    for (size_t i = 0; found && i < found->n_leaves; i++)
        if (found->leaves[i].populated)
            return found->leaves[i].number;
    return 0;
}

static bool group_in_scope(const PlanBuilder *b, const Group *group) {
    if (!b->only)
        return true;
    for (const Group *g = policy_group(b->policy, b->only); g; g = g->parent)
        if (g == group)
            return true;
    return false;
}

static bool found_in_scope(const PlanBuilder *b, const NodeGroup *found) {
    const NodeGroup *only = b->only ? node_group(b->node, b->only) : NULL;
    return !b->only || (only && is_within(only, found));
}

/* --- what is gone ------------------------------------------------------------------------------------------------ */

static bool is_left_over(const PlanBuilder *b, const NodeGroup *found) {
    return !is_in_place(b, found) && found_in_scope(b, found) && !plan_populated_leaf(found);
}

/* Whether this plan removes it: it and all that is in it are left over. */
static bool goes(const PlanBuilder *b, const NodeGroup *found) {
    for (size_t i = 0; i < b->node->n_groups; i++)
        if (is_within(b->node->groups + i, found) && !is_left_over(b, b->node->groups + i))
            return false;
    return true;
}

/* Names are unique on the node: a group that moved, or one in it, is made anew only when the old one is away. */
static bool must_wait(const PlanBuilder *b, const Group *group) {
    for (const Group *g = group; g; g = g->parent)
        for (size_t i = 0; i < b->node->n_groups; i++) {
            const NodeGroup *found = b->node->groups + i;
            if (strcmp(found->name, g->name) == 0 && !is_in_place(b, found) && !goes(b, found))
                return true;
        }
    return false;
}

static int add_leaf_step(PlanBuilder *b, StepKind kind, const NodeGroup *found, const NodeLeaf *leaf) {
    Step *step;
    int r = add_found_step(b, kind, found, &step);
    if (r < 0)
        return r;
    step->leaf = leaf->number;
    step->invocation = leaf->invocation;
    return 0;
}

/* Sessions end with the start that they are beside. */
static int add_session_ends(PlanBuilder *b, const NodeGroup *found) {
    for (size_t i = 0; found && i < found->n_sessions; i++) {
        const NodeLeaf *leaf = found->sessions + i;
        Step *step;
        if (leaf->populated && plan_populated_leaf(found))
            continue;
        int r = add_found_step(b, STEP_LEAF_REMOVE, found, &step);
        if (r < 0)
            return r;
        step->session = leaf->number;
    }
    return 0;
}

static int add_gone_group(PlanBuilder *b, const NodeGroup *found) {
    Step *step;
    if (found->frozen && plan_populated_leaf(found)) {
        int r = add_found_step(b, STEP_FREEZE, found, &step);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < found->n_leaves; i++) {
        const NodeLeaf *leaf = found->leaves + i;
        int r = add_leaf_step(b, leaf->populated ? STEP_STOP : STEP_LEAF_REMOVE, found, leaf);
        if (r < 0)
            return r;
    }
    int r = add_session_ends(b, found);
    if (r < 0)
        return r;
    return goes(b, found) ? add_found_step(b, STEP_GROUP_REMOVE, found, &step) : 0;
}

static int add_gone_groups(PlanBuilder *b) {
    for (size_t i = b->node->n_groups; i-- > 0;) { /* children first */
        const NodeGroup *found = b->node->groups + i;
        if (is_in_place(b, found) || !found_in_scope(b, found))
            continue;
        int r = add_gone_group(b, found);
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- groups ------------------------------------------------------------------------------------------------------ */

static unsigned next_leaf_number(const NodeGroup *found) {
    unsigned next = 1;
    for (size_t i = 0; found && i < found->n_leaves; i++)
        if (found->leaves[i].number >= next)
            next = found->leaves[i].number + 1;
    return next;
}

/*
 * Nothing of earlier starts runs on beside a new one. What ended by itself and is not started again keeps its leaf: it
 * tells a daemon that comes back that there is nothing to start.
 */
static int add_ends(PlanBuilder *b, const Group *group, const NodeGroup *found, Wish wish) {
    for (size_t i = 0; found && wish != WISH_KEEP && i < found->n_leaves; i++) {
        const NodeLeaf *leaf = found->leaves + i;
        if (wish == WISH_ABSENT && !leaf->populated && group->workload->life.running)
            continue;
        StepKind kind = wish == WISH_ABSENT && leaf->populated ? STEP_STOP : STEP_LEAF_REMOVE;
        int r = add_leaf_step(b, kind, found, leaf);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Whose network it is to be in is started by another plan. */
static bool waits_for_owner(const PlanBuilder *b, const Group *group) {
    const Group *owner = group->workload->wiring.owner;
    return owner && b->decision->wishes[owner->index] == WISH_START && !group_in_scope(b, owner);
}

static int add_spawn(PlanBuilder *b, const Group *group, const NodeGroup *found) {
    Step *step;
    int r = plan_add_group_step(b, STEP_SPAWN, group, &step);
    if (r < 0)
        return r;
    step->leaf = next_leaf_number(found);
    step->restarts = b->decision->restarts ? b->decision->restarts[group->index] : 0;
    return 0;
}

/* What is to end must be able to. */
static bool is_to_freeze(const Group *group, Wish wish) {
    return group->frozen && (group->kind == GROUP_SLICE || wish == WISH_KEEP);
}

static int add_freeze(PlanBuilder *b, const Group *group, const NodeGroup *found, Wish wish) {
    bool frozen = is_to_freeze(group, wish);
    if (frozen == (found && found->frozen))
        return 0;
    Step *step;
    int r = plan_add_group_step(b, STEP_FREEZE, group, &step);
    if (r < 0)
        return r;
    step->frozen = frozen;
    return 0;
}

static int add_controllers(PlanBuilder *b, const Group *group, const NodeGroup *found) {
    uint32_t missing = b->controllers & ~(found ? found->controllers : 0);
    if (group->kind != GROUP_SLICE || !missing)
        return 0;
    Step *step;
    int r = plan_add_group_step(b, STEP_CONTROLLERS_ENABLE, group, &step);
    if (r < 0)
        return r;
    step->controllers = missing;
    return 0;
}

static int add_group(PlanBuilder *b, const Group *group) {
    const NodeGroup *found = b->in_place[group->index];
    Wish wish = b->decision->wishes[group->index];
    Step *step;
    int r = add_ends(b, group, found, wish);
    if (r == 0)
        r = add_session_ends(b, found);
    if (r == 0 && !found)
        r = plan_add_group_step(b, STEP_GROUP_CREATE, group, &step);
    if (r == 0)
        r = add_freeze(b, group, found, wish);
    if (r == 0)
        r = add_controllers(b, group, found);
    if (r == 0)
        r = plan_add_limits(b, group, found);
    if (r == 0)
        r = plan_add_filters(b, group, found);
    if (r == 0 && wish == WISH_START && !waits_for_owner(b, group))
        r = add_spawn(b, group, found);
    return r;
}

/* In the network namespace of another workload, which has to be there first. */
static bool is_guest(const Group *group) {
    return group->workload && group->workload->wiring.owner;
}

static int add_groups_if(PlanBuilder *b, bool guests) {
    for (size_t i = 0; i < b->policy->n_groups; i++) {
        const Group *group = b->policy->groups[i];
        if (is_guest(group) != guests || !group_in_scope(b, group) || must_wait(b, group))
            continue;
        int r = add_group(b, group);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_groups(PlanBuilder *b) {
    int r = add_groups_if(b, false);
    return r < 0 ? r : add_groups_if(b, true);
}

static bool is_outdated(const PlanBuilder *b, const Group *group) {
    const NodeGroup *found = b->in_place[group->index];
    if (!group->workload || !found || !group_in_scope(b, group) || b->decision->wishes[group->index] != WISH_KEEP)
        return false;
    for (size_t i = 0; i < found->n_leaves; i++) {
        const NodeLeaf *leaf = found->leaves + i;
        if (leaf->populated && !leaf->stopping && leaf->recipe && leaf->recipe != group->workload->recipe)
            return true;
    }
    return false;
}

static int find_outdated(PlanBuilder *b) {
    b->plan->outdated = calloc(b->policy->n_groups + 1, sizeof *b->plan->outdated);
    if (!b->plan->outdated)
        return -ENOMEM;
    for (size_t i = 0; i < b->policy->n_groups; i++)
        if (is_outdated(b, b->policy->groups[i]))
            b->plan->outdated[b->plan->n_outdated++] = b->policy->groups[i];
    return 0;
}

static int find_retries(PlanBuilder *b) {
    const uint64_t *in_usec = b->decision->retries_usec;
    b->plan->retries = calloc(b->policy->n_groups + 1, sizeof *b->plan->retries);
    if (!b->plan->retries)
        return -ENOMEM;
    for (size_t i = 0; in_usec && i < b->policy->n_groups; i++)
        if (in_usec[i] > 0 && group_in_scope(b, b->policy->groups[i]))
            b->plan->retries[b->plan->n_retries++] = (Retry){ b->policy->groups[i], in_usec[i] };
    return 0;
}

static void builder_done(PlanBuilder *b) {
    free(b->in_place);
}

int plan_build(Policy *policy, const Decision *decision, const Node *node, const char *only, Plan **ret) {
    _cleanup_(cleanup_plan_free) Plan *plan = calloc(1, sizeof *plan);
    if (!plan)
        return -ENOMEM;
    plan->policy = policy_ref(policy);

    _cleanup_(builder_done)
            PlanBuilder b = { .plan = plan, .policy = policy, .decision = decision, .node = node, .only = only };
    static int (*const parts[])(PlanBuilder *) = {
        find_in_place,
        plan_find_controllers,
        plan_add_freezer,
        add_gone_groups,
        plan_add_tree,
        plan_add_firewall,
        plan_add_gone_networks,
        plan_add_networks,
        add_groups,
        plan_add_gone_freezer,
        find_outdated,
        find_retries,
    };
    for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
        int r = parts[i](&b);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(plan);
    return 0;
}

int plan_add_exec(Plan *plan, const Node *node, const char *name, unsigned session, const Workload *command) {
    _cleanup_(builder_done) PlanBuilder b = { .plan = plan, .policy = plan->policy, .node = node, .only = name };
    const Group *group = policy_group(plan->policy, name);
    Step *step;
    int r = find_in_place(&b);
    if (r < 0)
        return r;
    unsigned leaf = group ? plan_populated_leaf(b.in_place[group->index]) : 0;
    if (!leaf)
        return -ESRCH;
    r = plan_add_group_step(&b, STEP_EXEC, group, &step);
    if (r < 0)
        return r;
    step->leaf = leaf;
    step->session = session;
    step->command = command;
    return 0;
}
