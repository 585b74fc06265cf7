/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Checks of limits against each other: what the kernel would refuse, or take and make nothing of. */

#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"
#include "model/policy/check-pass.h"

static bool is_subset(const CpuSet *part, const CpuSet *whole) {
    CpuSet common = cpu_set_intersect(part, whole);

    return cpu_set_equal(&common, part);
}

/* The nearest slice above that has the limit; NULL: none. */
static const Group *limited_above(const Group *group, LimitId limit) {
    const Group *ancestor = group->parent;

    while (ancestor && !ancestor->limits[limit].is_set)
        ancestor = ancestor->parent;
    return ancestor;
}

static void check_set(const Check *check, const Draft *draft, const Limit *limit) {
    const LimitValue *value = &draft->limits[limit->id];
    const Group *ancestor = limited_above(draft->group, limit->id);
    char text[EXCERPT_SIZE];

    if (!ancestor || !value->is_set || is_subset(value->set, ancestor->limits[limit->id].set))
        return;
    complain(check, draft, KEY_LIMITS + limit->id, "expected %s out of those of slice '%s', %s", limit->unit,
            ancestor->name, limit_value_show(limit, &ancestor->limits[limit->id], text, sizeof(text)));
}

/* Saved up time is spent on top of the quota, and the kernel takes no more than one quota of it. */
static void check_burst(const Check *check, const Draft *draft) {
    const LimitValue *burst = &draft->limits[LIMIT_CPU_QUOTA_BURST], *quota = &draft->limits[LIMIT_CPU_QUOTA];
    char text[SETTING_TEXT_MAX], words[AMOUNT_TEXT_MAX];
    uint64_t quota_usec;

    if (!burst->is_set || burst->amount == 0)
        return;
    if (!quota->is_set) {
        complain(check, draft, KEY_LIMITS + LIMIT_CPU_QUOTA_BURST, "the key needs CPUQuota=");
        return;
    }
    knob_wanted(&knobs[KNOB_CPU_MAX], draft->limits, text, sizeof(text));
    if (sscanf(text, "%" SCNu64, &quota_usec) == 1 && burst->amount > quota_usec)
        complain(check, draft, KEY_LIMITS + LIMIT_CPU_QUOTA_BURST, "expected at most the quota of one period, %s",
                format_usec(quota_usec, words, sizeof(words)));
}

/* --- reserves ---------------------------------------------------------------------------------------------------- */

static uint64_t add(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* What is asked for here must be granted above: by the next slice that says how much, and by those between. */
static void ask_above(Policy *policy, const Group *group, const Limit *limit) {
    const LimitValue *value = &group->limits[limit->id];

    for (Group *ancestor = group->parent; ancestor; ancestor = ancestor->parent) {
        ancestor->limits[limit->id].below = add(ancestor->limits[limit->id].below, value->amount);
        if (ancestor->limits[limit->id].is_set)
            return;
    }
    policy->settings.tree[limit->id].below = add(policy->settings.tree[limit->id].below, value->amount);
}

/* More than this it could never have. */
static void check_against_max(const Check *check, const Draft *draft, const Limit *limit) {
    const Limit *max = &limits[LIMIT_MEMORY_MAX];
    char words[AMOUNT_TEXT_MAX];

    for (const Group *group = draft->group; group; group = group->parent) {
        const LimitValue *above = &group->limits[max->id];
        if (!above->is_set || draft->limits[limit->id].amount <= above->amount)
            continue;
        complain(check, draft, KEY_LIMITS + limit->id, "expected at most %s=%s%s%s%s", max->key,
                max->show(above->amount, words, sizeof(words)), group == draft->group ? "" : " of slice '",
                group == draft->group ? "" : group->name, group == draft->group ? "" : "'");
        return;
    }
}

static void check_reserve(const Check *check, const Draft *draft, const Limit *limit) {
    const LimitValue *value = &draft->limits[limit->id];
    char words[AMOUNT_TEXT_MAX];

    if (!value->is_set)
        return;
    if (draft->group && limit->id != LIMIT_CPU_RESERVE)
        check_against_max(check, draft, limit);
    if (value->below > value->amount)
        complain(check, draft, KEY_LIMITS + limit->id,
                "what is in it asks for %s together; expected at least that, or nothing, which grants it",
                limit->show(value->below, words, sizeof(words)));
}

void check_limits_alone(const Check *check, Draft *draft) {
    if (!draft->group)
        return;
    check_burst(check, draft);
    FOREACH_LIMIT (limit)
        if (limit->reach == LIMIT_REACH_GRANTED && draft->limits[limit->id].is_set)
            ask_above(check->policy, draft->group, limit);
}

void check_limits_against_others(const Check *check, Draft *draft) {
    if (!draft->limits)
        return;
    FOREACH_LIMIT (limit) {
        if (limit->kind == LIMIT_KIND_SET && draft->group)
            check_set(check, draft, limit);
        if (limit->reach == LIMIT_REACH_GRANTED)
            check_reserve(check, draft, limit);
    }
}
