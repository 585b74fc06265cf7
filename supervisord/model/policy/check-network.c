/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Networks against each other, and workloads against the networks that they are on. */

#include <string.h>

#include "model/policy/check-pass.h"
#include "model/suggestion.h"

/* Whether Network= says that it is none; false while what it says is not known. */
static bool is_unbridged(const Draft *draft) {
    const Workload *workload = draft->object;

    return workload->wiring.mode != NETWORK_BRIDGE && !draft->places[KEY_NETWORK].refused;
}

/* --- networks ---------------------------------------------------------------------------------------------------- */

static bool is_complete(const Draft *draft) {
    return check_is_good(draft, KEY_BRIDGE) && check_is_good(draft, KEY_SUBNET);
}

static bool overlap(const Network *a, const Network *b) {
    for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++)
        if (subnets_overlap(a->subnets + family, b->subnets + family))
            return true;
    return false;
}

/* Against those before it. */
static void check_network(const Check *check, Draft *draft) {
    const Network *network = draft->object;

    if (!is_complete(draft))
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

/* --- workloads on networks --------------------------------------------------------------------------------------- */

static void complain_unknown_network(const Check *check, const Draft *draft, const char *name) {
    Suggestion suggestion = { .wrong = name };
    char excerpt[EXCERPT_SIZE], text[SUGGESTION_TEXT_MAX];

    for (size_t i = 0; i < check->policy->n_networks; i++)
        suggestion_offer(&suggestion, check->policy->networks[i]->name);
    complain(check, draft, KEY_NETWORK, "there is no network '%s'%s", diagnostics_excerpt(name, excerpt),
            suggestion_text(&suggestion, "bridge:", "", text, sizeof(text)));
}

static bool is_on(const Wiring *wiring, const Network *network) {
    for (size_t i = 0; i < wiring->n_attachments; i++)
        if (wiring->attachments[i].network == network)
            return true;
    return false;
}

static void attach(const Check *check, Draft *draft, const char *name) {
    Wiring *wiring = &((Workload *) draft->object)->wiring;
    Network *network = policy_network(check->policy, name);

    if (!network)
        complain_unknown_network(check, draft, name);
    else if (is_on(wiring, network))
        complain(check, draft, KEY_NETWORK, "network '%s' is there twice", name);
    else if (wiring->n_attachments == ATTACHMENTS_MAX)
        complain(check, draft, KEY_NETWORK, "more than %d networks", ATTACHMENTS_MAX);
    else
        wiring->attachments[wiring->n_attachments++] = (Attachment){ .network = network };
}

static void complain_unknown_workload(const Check *check, const Draft *draft, const char *name) {
    Suggestion suggestion = { .wrong = name };
    char excerpt[EXCERPT_SIZE], text[SUGGESTION_TEXT_MAX];

    for (size_t i = 0; i < check->policy->n_groups && check_is_suggesting(check); i++)
        if (check->policy->groups[i]->workload)
            suggestion_offer(&suggestion, check->policy->groups[i]->name);
    complain(check, draft, KEY_NETWORK, "there is no workload '%s'%s", diagnostics_excerpt(name, excerpt),
            suggestion_text(&suggestion, "workload:", "", text, sizeof(text)));
}

/* What is without files goes by itself: nobody else may depend on it. */
static const char *sharing_problem(const Draft *draft, const Group *owner) {
    const Workload *workload = owner->workload;

    if (owner == draft->group)
        return "cannot share with itself";
    if (workload->transient)
        return "is transient: it may be gone at any time";
    if (workload->wiring.mode == NETWORK_WORKLOAD)
        return "shares that of another itself";
    return workload->wiring.mode == NETWORK_HOST ? "has no network namespace of its own" : NULL;
}

static bool network_is_refused(const Check *check, const Group *group) {
    for (size_t i = 0; i < check->n_drafts; i++)
        if (check->drafts[i]->group == group)
            return check->drafts[i]->refused || check->drafts[i]->places[KEY_NETWORK].refused;
    return false;
}

static void share(const Check *check, Draft *draft, const char *name) {
    Group *owner = policy_group(check->policy, name);

    if (!owner || !owner->workload) {
        complain_unknown_workload(check, draft, name);
        return;
    }
    const char *problem = sharing_problem(draft, owner);
    if (problem && !network_is_refused(check, owner)) {
        complain(check, draft, KEY_NETWORK, "workload '%s' %s", name, problem);
        return;
    }
    ((Workload *) draft->object)->wiring.owner = owner;
    owner->workload->wiring.shared = true;
}

static void resolve_networks(const Check *check, Draft *draft) {
    const Wiring *wiring = &((const Workload *) draft->object)->wiring;

    if (is_unbridged(draft) && check_is_given(draft, KEY_ADDRESS))
        complain(check, draft, KEY_ADDRESS, "the key needs Network=bridge:NAME");
    if (wiring->mode == NETWORK_WORKLOAD)
        share(check, draft, *draft->network_names);
    if (wiring->mode != NETWORK_BRIDGE)
        return;
    for (char **name = draft->network_names; name && *name; name++)
        attach(check, draft, *name);
}

/* The interface that an address is for; NULL: it is on none of the networks. */
static Attachment *attachment_for(const Workload *workload, const Address *address) {
    for (size_t i = 0; i < workload->wiring.n_attachments; i++) {
        Attachment *attachment = workload->wiring.attachments + i;
        if (subnet_contains(attachment->network->subnets + address_index(address), address))
            return attachment;
    }
    return NULL;
}

static const Draft *earlier_with_address(const Check *check, const Draft *draft, const Address *address) {
    for (size_t i = 0; i < check->n_drafts && check->drafts[i] != draft; i++) {
        const Draft *other = check->drafts[i];
        const Attachment *attachment =
                other->kind == SECTION_WORKLOAD && !other->refused ? attachment_for(other->object, address) : NULL;

        if (attachment && address_equal(attachment->addresses + address_index(address), address))
            return other;
    }
    return NULL;
}

static void complain_outside(const Check *check, const Draft *draft, const char *text) {
    const Wiring *wiring = &((const Workload *) draft->object)->wiring;

    if (wiring->n_attachments == 1)
        complain(check, draft, KEY_ADDRESS, "%s is outside the subnet of network '%s'", text,
                wiring->attachments->network->name);
    else
        complain(check, draft, KEY_ADDRESS, "%s is outside the subnets of all its networks", text);
}

static void check_address(const Check *check, Draft *draft, const Subnet *given) {
    const Address *address = &given->gateway;
    Attachment *attachment = attachment_for(draft->object, address);
    char text[ADDRESS_TEXT_MAX];

    address_format(address, text, sizeof(text));
    if (!attachment) {
        complain_outside(check, draft, text);
        return;
    }
    const Network *network = attachment->network;
    const Subnet *subnet = network->subnets + address_index(address);
    const char *problem = subnet_problem(subnet, address);
    const Draft *other = earlier_with_address(check, draft, address);
    Address *place = attachment->addresses + address_index(address);

    if (given->prefix_length > 0 && given->prefix_length != subnet->prefix_length)
        complain(check, draft, KEY_ADDRESS, "%s has another prefix length than network '%s'", text, network->name);
    else if (problem)
        complain(check, draft, KEY_ADDRESS, "%s %s network '%s'", text, problem, network->name);
    else if (address_is_set(place))
        complain(check, draft, KEY_ADDRESS, "%s is its second address on network '%s'", text, network->name);
    else if (other)
        complain(check, draft, KEY_ADDRESS, "%s is already the address of workload '%s'", text, other->group->name);
    *place = *address;
}

static bool same_port(const Publication *a, const Publication *b) {
    return a->udp == b->udp && a->host_port == b->host_port && address_equal(&a->at, &b->at);
}

/* Whose it is already: of a workload before this one, or of an earlier word of this one; NULL: nobody's. */
static const Draft *earlier_with_port(const Check *check, const Draft *draft, const Publication *publication) {
    for (size_t i = 0; i < check->n_drafts; i++) {
        const Draft *other = check->drafts[i];

        if (other->kind != SECTION_WORKLOAD || other->refused)
            continue;
        const Wiring *wiring = &((const Workload *) other->object)->wiring;
        for (size_t j = 0; j < wiring->n_publications && wiring->publications + j != publication; j++)
            if (same_port(wiring->publications + j, publication))
                return other;
        if (other == draft)
            return NULL;
    }
    return NULL;
}

static bool has_family(const Wiring *wiring, AddressFamily family) {
    for (size_t i = 0; i < wiring->n_attachments; i++)
        if (address_is_set(&wiring->attachments[i].network->subnets[family].gateway))
            return true;
    return false;
}

static void check_publications(const Check *check, const Draft *draft) {
    const Wiring *wiring = &((const Workload *) draft->object)->wiring;

    if (wiring->n_publications > 0 && is_unbridged(draft)) {
        complain(check, draft, KEY_PUBLISH, "the key needs Network=bridge:NAME");
        return;
    }
    for (size_t i = 0; i < wiring->n_publications && wiring->n_attachments > 0; i++) {
        const Publication *publication = wiring->publications + i;
        const Draft *other = earlier_with_port(check, draft, publication);

        if (other)
            complain(check, draft, KEY_PUBLISH, "port %u is already published to workload '%s'", publication->host_port,
                    other->group->name);
        if (address_is_set(&publication->at) && !has_family(wiring, address_index(&publication->at)))
            complain(check, draft, KEY_PUBLISH, "none of its networks has a subnet of that kind of address");
    }
}

/* A limit that is no cgroup file is the network's. */
static void check_limits(const Check *check, Draft *draft) {
    FOREACH_LIMIT (limit)
        if (limit_is_of_network(limit) && check_is_good(draft, KEY_LIMITS + limit->id) && is_unbridged(draft))
            complain(check, draft, KEY_LIMITS + limit->id, "the key needs Network=bridge:NAME");
}

static bool is_attached(const Draft *draft) {
    return ((const Workload *) draft->object)->wiring.n_attachments > 0;
}

void check_network_alone(const Check *check, Draft *draft) {
    if (draft->kind == SECTION_WORKLOAD)
        resolve_networks(check, draft);
}

void check_network_against_others(const Check *check, Draft *draft) {
    if (draft->kind == SECTION_NETWORK)
        check_network(check, draft);
    if (draft->kind != SECTION_WORKLOAD)
        return;
    check_limits(check, draft);
    check_publications(check, draft);
    for (size_t i = 0; i < draft->n_addresses && is_attached(draft) && check_is_good(draft, KEY_ADDRESS); i++)
        check_address(check, draft, draft->addresses + i);
}
