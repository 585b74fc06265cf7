/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Networks against each other, and workloads against the networks that they are on. */

#include <arpa/inet.h>
#include <string.h>

#include "model/policy-check-pass.h"
#include "model/suggestion.h"

/* Whether Network= says that it is none; false while what it says is not known. */
static bool is_unbridged(const Draft *draft) {
    const Workload *workload = draft->object;

    return workload->network_mode != NETWORK_BRIDGE && !draft->places[KEY_NETWORK].refused;
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
    return check_is_good(draft, KEY_BRIDGE) && check_is_good(draft, KEY_SUBNET);
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
    if (is_unbridged(draft) && check_is_given(draft, KEY_ADDRESS))
        complain(check, draft, KEY_ADDRESS, "the key needs Network=bridge:NAME");
    if (workload->network_mode != NETWORK_BRIDGE)
        return;
    workload->network = policy_network(check->policy, draft->network_name);
    if (!workload->network)
        complain_unknown_network(check, draft);
    if (!check_is_given(draft, KEY_ADDRESS))
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

    if (draft->kind != SECTION_WORKLOAD || !workload->network || !check_is_good(draft, KEY_ADDRESS) ||
            workload->network->prefix_length == 0)
        return;
    const char *problem = address_problem(draft, workload->network);
    if (problem)
        complain(check, draft, KEY_ADDRESS, "the address %s network '%s'", problem, workload->network->name);
    const Draft *other = earlier_with_address(check, draft);
    if (other)
        complain(check, draft, KEY_ADDRESS, "the address is already that of workload '%s'", other->group->name);
}

/* A limit that is no cgroup file is the network's. */
static void check_limits(const Check *check, Draft *draft) {
    FOREACH_LIMIT (limit)
        if (limit_is_of_network(limit) && check_is_good(draft, KEY_LIMITS + limit->id) && is_unbridged(draft))
            complain(check, draft, KEY_LIMITS + limit->id, "the key needs Network=bridge:NAME");
}

void check_network_alone(const Check *check, Draft *draft) {
    resolve_network(check, draft);
}

void check_network_against_others(const Check *check, Draft *draft) {
    if (draft->kind == SECTION_WORKLOAD)
        check_limits(check, draft);
    check_network(check, draft);
    check_address(check, draft);
}
