/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Checks between sections, in passes: each goes over all drafts and may rely on what the passes before it resolved or
 * cut. A wrong reference is cut after its report, so that one mistake is reported once and every walk upwards ends.
 */

#include "model/policy-check.h"

#include <arpa/inet.h>
#include <string.h>

#include "model/suggestion.h"

/* Looking for near names among thousands takes time: only the first errors are worth it. */
enum { SUGGESTING_LINES_MAX = 20 };

typedef struct Check {
    const Policy *policy;
    Draft *const *drafts;
    size_t n_drafts;
    Diagnostics *diagnostics;
} Check;

typedef void (*CheckPass)(const Check *check, Draft *draft);

/* At the key, or at the section when it does not give the key. */
#define complain(check, draft, key, ...)                                                                               \
    ({                                                                                                                 \
        const Place *_place = (draft)->places[key].line > 0 ? &(draft)->places[key] : &(draft)->place;                 \
        diagnostics_add((check)->diagnostics, _place->file, _place->line, (draft)->title, key_name(key), __VA_ARGS__); \
    })

static bool is_given(const Draft *draft, KeyId key) {
    return draft->places[key].line > 0;
}

static bool is_good(const Draft *draft, KeyId key) {
    return is_given(draft, key) && !draft->places[key].refused;
}

/* Whether Network= says that it is none; false while what it says is not known. */
static bool is_unbridged(const Draft *draft) {
    const Workload *workload = draft->object;

    return workload->network_mode != NETWORK_BRIDGE && !draft->places[KEY_NETWORK].refused;
}

static void check_required(const Check *check, Draft *draft) {
    for (KeyId key = 0; key < KEYS_COUNT; key++)
        if (key_belongs(key, draft->kind) && key_is_required(key) && !is_given(draft, key))
            complain(check, draft, key, "the key is missing; expected %s", key_expects(key));
}

static bool is_suggesting(const Check *check) {
    return check->diagnostics->n_lines < SUGGESTING_LINES_MAX;
}

static void complain_unknown_slice(const Check *check, const Draft *draft) {
    Suggestion suggestion = { .wrong = draft->slice_name };
    char excerpt[EXCERPT_SIZE], text[SUGGESTION_TEXT_MAX];

    for (size_t i = 0; i < check->policy->n_groups && is_suggesting(check); i++)
        if (check->policy->groups[i]->kind == GROUP_SLICE)
            suggestion_offer(&suggestion, check->policy->groups[i]->name);
    complain(check, draft, KEY_SLICE, "there is no slice '%s'%s", diagnostics_excerpt(draft->slice_name, excerpt),
            suggestion_text(&suggestion, "", "", text, sizeof(text)));
}

static void resolve_slice(const Check *check, Draft *draft) {
    if (!draft->slice_name)
        return;
    Group *parent = policy_group(check->policy, draft->slice_name);
    if (!parent)
        complain_unknown_slice(check, draft);
    else if (parent->kind != GROUP_SLICE)
        complain(check, draft, KEY_SLICE, "'%s' is a %s, not a slice", parent->name, group_kind_name(parent->kind));
    else
        draft->group->parent = parent;
}

/* A walk that starts below a cycle, not in it, would never come back: it is given as many steps as there are groups. */
static void cut_cycle(const Check *check, Draft *draft) {
    const Group *group = draft->group, *ancestor = group ? group->parent : NULL;

    for (size_t steps = 0; ancestor && ancestor != group && steps < check->policy->n_groups; steps++)
        ancestor = ancestor->parent;
    if (!ancestor || ancestor != group)
        return;
    complain(check, draft, KEY_SLICE, "the slice would be within itself, by way of slice '%s'", group->parent->name);
    draft->group->parent = NULL;
}

static void cut_depth(const Check *check, Draft *draft) {
    unsigned depth = 0;

    if (draft->kind != SECTION_SLICE)
        return;
    for (const Group *group = draft->group; group; group = group->parent)
        depth++;
    if (depth <= SLICE_DEPTH_MAX)
        return;
    complain(check, draft, KEY_SLICE, "slices nest deeper than %d levels", SLICE_DEPTH_MAX);
    draft->group->parent = NULL;
}

static bool is_subset(const CpuSet *part, const CpuSet *whole) {
    CpuSet common = cpu_set_intersect(part, whole);

    return cpu_set_equal(&common, part);
}

/* CPU sets of the nearest slice above that has one. */
static void check_cpus(const Check *check, Draft *draft, const Limit *limit) {
    const LimitValue *value = &draft->group->limits[limit->id];
    char text[EXCERPT_SIZE];
    const Group *ancestor = draft->group->parent;

    while (ancestor && !ancestor->limits[limit->id].is_set)
        ancestor = ancestor->parent;
    if (!ancestor || !value->is_set || is_subset(value->cpus, ancestor->limits[limit->id].cpus))
        return;
    complain(check, draft, KEY_LIMITS + limit->id, "expected CPUs out of those of slice '%s', %s", ancestor->name,
            limit_value_show(limit, &ancestor->limits[limit->id], text, sizeof(text)));
}

static void check_limits(const Check *check, Draft *draft) {
    if (!draft->group)
        return;
    FOREACH_LIMIT (limit) {
        if (limit->kind == LIMIT_KIND_CPUS)
            check_cpus(check, draft, limit);
        if (!limit->controller && is_good(draft, KEY_LIMITS + limit->id) && is_unbridged(draft))
            complain(check, draft, KEY_LIMITS + limit->id, "the key needs Network=bridge:NAME");
    }
}

static uint32_t subnet_mask(unsigned prefix_length) {
    return htonl(UINT32_MAX << (32 - prefix_length));
}

static bool in_subnet(const Network *network, uint32_t address) {
    return ((network->gateway ^ address) & subnet_mask(network->prefix_length)) == 0;
}

/* Of two that overlap, the larger holds the gateway of the smaller. */
static bool overlap(const Network *a, const Network *b) {
    return a->prefix_length < b->prefix_length ? in_subnet(a, b->gateway) : in_subnet(b, a->gateway);
}

static bool is_complete(const Draft *draft) {
    return is_good(draft, KEY_BRIDGE) && is_good(draft, KEY_SUBNET);
}

/* Against those before it. */
static void check_network(const Check *check, Draft *draft) {
    const Network *network = draft->object;

    if (draft->kind != SECTION_NETWORK || !is_complete(draft))
        return;
    for (size_t i = 0; i < check->n_drafts && check->drafts[i] != draft; i++) {
        const Draft *other_draft = check->drafts[i];
        const Network *other = other_draft->object;

        if (other_draft->kind != SECTION_NETWORK || other_draft->refused || !is_complete(other_draft))
            continue;
        if (strcmp(network->bridge, other->bridge) == 0)
            complain(
                    check, draft, KEY_BRIDGE, "'%s' is already the bridge of network '%s'", other->bridge, other->name);
        if (overlap(network, other))
            complain(check, draft, KEY_SUBNET, "the subnet overlaps with that of network '%s'", other->name);
    }
}

static void complain_unknown_network(const Check *check, const Draft *draft) {
    Suggestion suggestion = { .wrong = draft->network_name };
    char excerpt[EXCERPT_SIZE], text[SUGGESTION_TEXT_MAX];

    for (size_t i = 0; i < check->policy->n_networks; i++)
        suggestion_offer(&suggestion, check->policy->networks[i]->name);
    complain(check, draft, KEY_NETWORK, "there is no network '%s'%s", diagnostics_excerpt(draft->network_name, excerpt),
            suggestion_text(&suggestion, "bridge:", "", text, sizeof(text)));
}

static void resolve_network(const Check *check, Draft *draft) {
    Workload *workload = draft->object;

    if (draft->kind != SECTION_WORKLOAD)
        return;
    if (is_unbridged(draft) && is_given(draft, KEY_ADDRESS))
        complain(check, draft, KEY_ADDRESS, "the key needs Network=bridge:NAME");
    if (workload->network_mode != NETWORK_BRIDGE)
        return;
    workload->network = policy_network(check->policy, draft->network_name);
    if (!workload->network)
        complain_unknown_network(check, draft);
    if (!is_given(draft, KEY_ADDRESS))
        complain(check, draft, KEY_ADDRESS, "the key is missing; Network=bridge:NAME needs it");
}

/* What the address must not be to its network, NULL if it is not. */
static const char *address_problem(const Draft *draft, const Network *network) {
    uint32_t address = ((const Workload *) draft->object)->address, mask = subnet_mask(network->prefix_length);

    if (!in_subnet(network, address))
        return "is outside the subnet of";
    if (draft->address_length > 0 && draft->address_length != network->prefix_length)
        return "has another prefix length than";
    if (address == network->gateway)
        return "is the gateway of";
    if (address == (network->gateway & mask))
        return "is the network address of";
    if (address == (network->gateway | ~mask))
        return "is the broadcast address of";
    return NULL;
}

static const Draft *earlier_with_address(const Check *check, const Draft *draft) {
    const Workload *workload = draft->object;

    for (size_t i = 0; i < check->n_drafts && check->drafts[i] != draft; i++) {
        const Draft *other_draft = check->drafts[i];
        const Workload *other = other_draft->object;

        if (other_draft->kind == SECTION_WORKLOAD && !other_draft->refused && other->network == workload->network &&
                other->address == workload->address)
            return other_draft;
    }
    return NULL;
}

static void check_address(const Check *check, Draft *draft) {
    const Workload *workload = draft->object;

    if (draft->kind != SECTION_WORKLOAD || !workload->network || !is_good(draft, KEY_ADDRESS) ||
            workload->network->prefix_length == 0)
        return;
    const char *problem = address_problem(draft, workload->network);
    if (problem)
        complain(check, draft, KEY_ADDRESS, "the address %s network '%s'", problem, workload->network->name);
    const Draft *other = earlier_with_address(check, draft);
    if (other)
        complain(check, draft, KEY_ADDRESS, "the address is already that of workload '%s'", other->group->name);
}

static void check_alone(const Check *check, Draft *draft) {
    check_required(check, draft);
    resolve_slice(check, draft);
    resolve_network(check, draft);
}

static void check_against_others(const Check *check, Draft *draft) {
    check_limits(check, draft);
    check_network(check, draft);
    check_address(check, draft);
}

void policy_check(const Policy *policy, Draft *const *drafts, size_t n_drafts, Diagnostics *diagnostics) {
    static const CheckPass passes[] = { check_alone, cut_cycle, cut_depth, check_against_others };
    const Check check = { policy, drafts, n_drafts, diagnostics };

    for (size_t i = 0; i < ELEMENTSOF(passes); i++)
        for (size_t j = 0; j < n_drafts; j++)
            if (!drafts[j]->refused)
                passes[i](&check, drafts[j]);
}
