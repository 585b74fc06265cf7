/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Checks of what is reserved of the CPUs: against what the group may use at all, and against the CPUs that there are. */

#include <inttypes.h>

#include "base/parse.h"
#include "model/policy/check-pass.h"

static const char *show_cpus(uint64_t amount, char *buffer, size_t size) {
    return limits[LIMIT_CPU_RESERVE].show(amount, buffer, size);
}

static uint64_t reserve_of(const LimitValue values[LIMITS_COUNT]) {
    return limit_value_granted(&values[LIMIT_CPU_RESERVE]);
}

/* --- one group ---------------------------------------------------------------------------------------------------- */

/* Like a machine with so many CPUs: they are its own, and it has no others. */
void check_cpu_short_forms(const Check *check, Draft *draft) {
    static const LimitId stands_for[] = { LIMIT_CPU_RESERVE, LIMIT_CPU_QUOTA };

    for (size_t i = 0; i < ELEMENTSOF(stands_for) && draft->vcpus > 0; i++) {
        LimitValue *value = &draft->limits[stands_for[i]];
        if (value->is_set) {
            complain(check, draft, KEY_VCPUS,
                    "it stands for CPUReserve=%" PRIu64 " and CPUQuota=%" PRIu64 "%%; expected it alone, or these two",
                    draft->vcpus, draft->vcpus * 100);
            return;
        }
    }
    for (size_t i = 0; i < ELEMENTSOF(stands_for) && draft->vcpus > 0; i++)
        draft->limits[stands_for[i]] = (LimitValue){ .is_set = true, .amount = draft->vcpus * CPU_QUOTA_PER_CPU };
}

static KeyId key_to_blame(const Draft *draft, KeyId other) {
    return draft->vcpus > 0                                        ? KEY_VCPUS
           : check_is_given(draft, KEY_LIMITS + LIMIT_CPU_RESERVE) ? KEY_LIMITS + LIMIT_CPU_RESERVE
                                                                   : other;
}

static void check_own(const Check *check, const Draft *draft) {
    const LimitValue *quota = &draft->limits[LIMIT_CPU_QUOTA], *weight = &draft->limits[LIMIT_CPU_WEIGHT];
    uint64_t reserve = reserve_of(draft->limits);
    char words[AMOUNT_TEXT_MAX], most[AMOUNT_TEXT_MAX];

    if (quota->is_set && reserve > quota->amount)
        complain(check, draft, key_to_blame(draft, KEY_LIMITS + LIMIT_CPU_QUOTA),
                "CPUReserve=%s is more than CPUQuota=%s lets it have", show_cpus(reserve, words, sizeof(words)),
                limits[LIMIT_CPU_QUOTA].show(quota->amount, most, sizeof(most)));
    if (weight->is_set && weight->amount == CPU_WEIGHT_IDLE && reserve > 0)
        complain(check, draft, key_to_blame(draft, KEY_LIMITS + LIMIT_CPU_WEIGHT),
                "CPUReserve=%s cannot be for what is idle and has only what nobody else wants",
                show_cpus(reserve, words, sizeof(words)));
}

/* --- CPUs --------------------------------------------------------------------------------------------------------- */

static CpuSet cpus_of_node(const LimitScale *scale) {
    CpuSet cpus = {};

    for (unsigned i = 0; i < scale->cpus && i < CPUS_MAX; i++)
        cpu_set_add(&cpus, i);
    return cpus;
}

/* As the kernel has it: without any of those around it, it has all of them. */
static CpuSet cpus_of(const Group *group, const LimitScale *scale) {
    CpuSet around = group->parent ? cpus_of(group->parent, scale) : cpus_of_node(scale);
    const LimitValue *allowed = &group->limits[LIMIT_ALLOWED_CPUS];
    CpuSet both = allowed->is_set ? cpu_set_intersect(allowed->set, &around) : around;

    return cpu_set_count(&both) > 0 ? both : around;
}

static bool is_within(const Group *group, const CpuSet *cpus, const LimitScale *scale) {
    CpuSet own = cpus_of(group, scale), both = cpu_set_intersect(&own, cpus);

    return cpu_set_equal(&both, &own);
}

/* What only these CPUs can give, if `group` is the last that asks for just them; else 0. */
static uint64_t asked_of(const Check *check, const Group *group, const CpuSet *cpus) {
    uint64_t sum = 0;

    for (size_t i = check->policy->n_groups;
            i-- > 0;) { /* from the end: of thousands alike each finds the last at once */
        const Group *other = check->policy->groups[i];
        uint64_t reserve = reserve_of(other->limits);
        if (reserve == 0 || !is_within(other, cpus, check->scale) ||
                (other->parent && is_within(other->parent, cpus, check->scale)))
            continue;
        CpuSet own = cpus_of(other, check->scale);
        if (i > group->index && cpu_set_equal(&own, cpus))
            return 0;
        sum += reserve;
    }
    return sum;
}

static void check_cpus(const Check *check, const Draft *draft) {
    const Group *group = draft->group;
    CpuSet cpus = cpus_of(group, check->scale), node = cpus_of_node(check->scale);
    char words[AMOUNT_TEXT_MAX], list[CPU_LIST_TEXT_MAX];
    bool outermost = !group->parent || !is_within(group->parent, &cpus, check->scale);
    uint64_t asked = outermost && reserve_of(group->limits) > 0 ? asked_of(check, group, &cpus) : 0;

    if (asked <= (uint64_t) cpu_set_count(&cpus) * CPU_QUOTA_PER_CPU)
        return;
    cpu_set_format(&cpus, list, sizeof(list));
    if (cpu_set_equal(&cpus, &node))
        complain(check, draft, key_to_blame(draft, KEY_LIMITS + LIMIT_CPU_RESERVE),
                "%s CPUs are reserved together, and the node has %u", show_cpus(asked, words, sizeof(words)),
                cpu_set_count(&node));
    else
        complain(check, draft, key_to_blame(draft, KEY_LIMITS + LIMIT_ALLOWED_CPUS),
                "%s CPUs are reserved together on AllowedCPUs=%s", show_cpus(asked, words, sizeof(words)), list);
}

/* The tree's. */
static void check_settings(const Check *check, const Draft *draft) {
    const LimitValue *value = &check->policy->settings.tree[LIMIT_CPU_RESERVE];

    if (value->is_set && value->amount > check->scale->cpus * CPU_QUOTA_PER_CPU)
        complain(check, draft, KEY_LIMITS + LIMIT_CPU_RESERVE, "expected at most the %" PRIu64 " CPUs of the node",
                check->scale->cpus);
}

void check_cpu_against_others(const Check *check, Draft *draft) {
    if (draft->kind == SECTION_SUPERVISORD)
        check_settings(check, draft);
    if (!draft->group || draft->group->index >= check->policy->n_groups)
        return;
    check_own(check, draft);
    check_cpus(check, draft);
}
