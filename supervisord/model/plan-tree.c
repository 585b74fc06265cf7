/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The steps of the tree itself: its controllers, and what the cgroups above it are to grant it. */

#include <string.h>

#include "model/plan-build.h"

enum { WEIGHT_DEFAULT = 100 };

static bool is_used(const Policy *policy, const char *controller) {
    for (size_t i = 0; i < policy->n_groups; i++)
        FOREACH_KNOB (knob) {
            if (knob->controller && strcmp(knob->controller, controller) == 0 &&
                    policy->groups[i]->limits[knob->limit].is_set)
                return true;
        }
    return false;
}

/* Some controllers are enabled only for a policy that uses them: cpuset costs each migration. The others also meter. */
int plan_find_controllers(PlanBuilder *b) {
    uint32_t wanted = CONTROLLER_IO | CONTROLLER_MEMORY | CONTROLLER_PIDS;
    if (b->policy->settings.scheduler != SCHEDULER_FREEZE)
        wanted |= CONTROLLER_CPU;
    if (is_used(b->policy, "cpuset"))
        wanted |= CONTROLLER_CPUSET;
    if (is_used(b->policy, "hugetlb"))
        wanted |= CONTROLLER_HUGETLB;
    b->controllers = wanted & b->node->controllers_available;
    return 0;
}

/* A reserve counts only as far as all on the way up grant it; a share is one of the outermost's siblings. */
static bool share_holds(const PlanBuilder *b, const Knob *knob, const char *wanted) {
    bool granted = limits[knob->limit].reach == LIMIT_REACH_GRANTED;
    for (size_t i = granted ? 0 : b->node->share; i <= b->node->share; i++) {
        const char *holds = node_group_setting(b->node->above + i, knob->id, 0, 0);
        if (strcmp(holds ?: knob->unset, wanted) != 0)
            return false;
    }
    return true;
}

static bool limit_of_tree_holds(const PlanBuilder *b, const Limit *limit, const LimitValue *value) {
    LimitValue values[LIMITS_COUNT] = {};
    char wanted[SETTING_TEXT_MAX];
    values[limit->id] = *value;
    FOREACH_KNOB (knob) {
        if (knob->limit == limit->id && !knob_is_of_freezer(knob) && knob_wanted(knob, values, wanted, sizeof wanted) &&
                !share_holds(b, knob, wanted) &&
                !(knob->optional && !(b->node->optional_knobs & UINT64_C(1) << knob->id)))
            return false;
    }
    return true;
}

/* What is to be asked for: of reserves what those in the tree ask for, as a weight what reserves of CPU time need. */
static LimitValue share_wanted(const PlanBuilder *b, const Limit *limit) {
    const LimitValue *value = b->policy->settings.tree + limit->id;
    LimitValue wanted = { .is_set = value->is_set || value->below > 0, .amount = limit_value_granted(value) };
    if (limit->id != LIMIT_CPU_WEIGHT || b->policy->settings.tree_cpu_ppm == 0)
        return wanted;
    uint64_t needed = node_weight_for(b->node, b->policy->settings.tree_cpu_ppm);
    if (needed > (wanted.is_set ? wanted.amount : WEIGHT_DEFAULT))
        wanted = (LimitValue){ .is_set = true, .amount = needed };
    return wanted;
}

/* What nobody asks for any more is taken back only if it was us who gave it: the rest is an administrator's. */
static int add_tree_share(PlanBuilder *b, const Limit *limit) {
    LimitValue wanted = share_wanted(b, limit);
    bool given = b->node->shares_given & UINT32_C(1) << limit->id;
    if (limit->owners != LIMIT_OWNERS_GROUPS_AND_TREE || !(wanted.is_set || given) ||
            limit_of_tree_holds(b, limit, &wanted))
        return 0;
    Step *step;
    int r = plan_add_step(b, STEP_TREE_SHARE, "", "", &step);
    if (r < 0)
        return r;
    step->setting.knob = limit_knob(limit)->id;
    step->share = wanted;
    if (wanted.is_set)
        limit->show(wanted.amount, step->setting.text, sizeof step->setting.text);
    return 0;
}

static int add_tree_shares(PlanBuilder *b) {
    FOREACH_LIMIT (limit) {
        int r = b->only || b->node->n_above == 0 ? 0 : add_tree_share(b, limit);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool needs_freezer(const PlanBuilder *b) {
    return b->policy->settings.scheduler == SCHEDULER_FREEZE && b->policy->n_groups > 0;
}

int plan_add_freezer(PlanBuilder *b) {
    Step *step;
    bool starts = needs_freezer(b) && b->node->freezer != FREEZER_RUNS;
    return starts ? plan_add_step(b, STEP_FREEZER_START, "@freezer", NULL, &step) : 0;
}

/* After nobody goes by it any more. */
int plan_add_gone_freezer(PlanBuilder *b) {
    Step *step;
    bool stops = !b->only && !needs_freezer(b) && b->node->freezer != FREEZER_ABSENT;
    return stops ? plan_add_step(b, STEP_FREEZER_STOP, "@freezer", NULL, &step) : 0;
}

int plan_add_tree(PlanBuilder *b) {
    uint32_t missing = b->controllers & ~b->node->controllers_enabled;
    if (missing) {
        Step *step;
        int r = plan_add_step(b, STEP_CONTROLLERS_ENABLE, "", "", &step);
        if (r < 0)
            return r;
        step->controllers = missing;
    }
    return add_tree_shares(b);
}
