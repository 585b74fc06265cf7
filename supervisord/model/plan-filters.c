/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a group's filters need: a step for each that is not attached as the policy says. */

#include <errno.h>
#include <string.h>

#include "base/strv.h"
#include "model/plan-build.h"

/* So a workload may allow what its slice denies. */
static int rules_of_addresses(const Group *group, FilterRules *ret) {
    const Filters *chain[SLICE_DEPTH_MAX + 1];
    size_t n = 0;

    for (const Group *g = group->workload ? group : NULL; g && n < ELEMENTSOF(chain); g = g->parent)
        chain[n++] = &g->filters;
    return filter_rules_of_addresses(chain, n, ret);
}

/* The others of a slice are its own: the kernel asks all on the way up, and each may deny. */
static int rules_of(const PlanBuilder *b, const Group *group, FilterId filter, FilterRules *ret) {
    switch (filter) {
    case FILTER_DEVICES:
        return filter_rules_of_devices(&group->filters, b->node->device_numbers, b->node->n_device_numbers, ret);
    case FILTER_ADDRESSES:
        return rules_of_addresses(group, ret);
    default:
        return filter_rules_of_binds(&group->filters, ret);
    }
}

/* Takes the rules. */
static int add_filter(PlanBuilder *b, const Group *group, const char *holds, FilterRules *rules, Step **ret) {
    Step *step;

    int r = plan_add_group_step(b, STEP_FILTER_SET, group, &step);
    if (r < 0) {
        filter_rules_done(rules);
        return r;
    }
    step->rules = *rules;
    step->from = strdup(holds);
    if (!step->from)
        return -ENOMEM;
    *ret = step;
    return 0;
}

/* Failed before it began, and with it the chain: no start without a filter that the policy asks for. */
static int add_impossible(PlanBuilder *b, const Group *group, const char *holds, FilterId filter) {
    FilterRules rules = { .filter = filter };
    Step *step;

    int r = add_filter(b, group, holds, &rules, &step);
    if (r < 0)
        return r;
    step->result = -E2BIG;
    return text_printf(&step->message, "the filter of %s comes to more rules than the %d that it may have",
            filter_name(filter), filter == FILTER_ADDRESSES ? FILTER_PREFIXES_MAX : FILTER_RULES_MAX);
}

static int add_if_needed(PlanBuilder *b, const Group *group, const NodeGroup *found, FilterId filter) {
    const char *holds = found ? found->filters[filter] : "";
    FilterRules rules;
    Step *step;

    int r = rules_of(b, group, filter, &rules);
    if (r == -E2BIG)
        return add_impossible(b, group, holds, filter);
    if (r < 0)
        return r;
    if (strcmp(rules.text, holds) != 0)
        return add_filter(b, group, holds, &rules, &step);
    filter_rules_done(&rules);
    return 0;
}

int plan_add_filters(PlanBuilder *b, const Group *group, const NodeGroup *found) {
    for (int filter = 0; filter < FILTERS_COUNT; filter++) {
        int r = add_if_needed(b, group, found, (FilterId) filter);
        if (r < 0)
            return r;
    }
    return 0;
}
