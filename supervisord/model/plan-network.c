/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The steps of what workloads talk through: bridges, and the one table of the firewall. */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/plan-build.h"

static bool network_in_scope(const PlanBuilder *b, const Network *network) {
    if (!b->only)
        return true;
    const Group *group = policy_group(b->policy, b->only);
    const Wiring *wiring = group && group->workload ? &group->workload->wiring : NULL;
    for (size_t i = 0; wiring && i < wiring->n_attachments; i++)
        if (wiring->attachments[i].network == network)
            return true;
    return false;
}

int plan_add_firewall(PlanBuilder *b) {
    _cleanup_(cleanup_free) char *rules = NULL;
    char seal[FIREWALL_SEAL_SIZE];
    int r = b->node->firewall_seen ? firewall_rules(b->policy, &rules) : 0;
    if (r < 0)
        return r;
    if (!b->node->firewall_seen || strcmp(firewall_seal(rules, seal), b->node->firewall_seal) == 0)
        return 0;
    Step *step;
    r = plan_add_step(b, STEP_FIREWALL_SET, "@firewall", NULL, &step); /* no network has such a name */
    if (r < 0)
        return r;
    step->table = TAKE_PTR(rules);
    step->from = strdup(b->node->firewall_seal);
    return step->from ? firewall_words(b->policy, &step->words) : -ENOMEM;
}

/* A bridge that is no network's any more goes once nobody is on it. */
int plan_add_gone_networks(PlanBuilder *b) {
    for (size_t i = 0; !b->only && i < b->node->n_networks; i++) {
        const NodeNetwork *found = b->node->networks + i;
        const Network *network = policy_network(b->policy, found->name);
        if (network && strcmp(network->bridge, found->bridge) == 0)
            continue;
        if (found->has_ports) {
            b->plan->waits_for_bridge = true;
            continue;
        }
        Step *step;
        int r = plan_add_step(b, STEP_NETWORK_REMOVE, found->name, NULL, &step);
        if (r < 0)
            return r;
        step->from = strdup(found->bridge);
        if (!step->from)
            return -ENOMEM;
    }
    return 0;
}

static bool same_subnets(const Subnet *found, const Subnet *wanted) {
    for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++)
        if (!subnet_equal(found + family, wanted + family))
            return false;
    return true;
}

/* There may be two bridges of one network: the old one stays while somebody is on it. */
static bool network_holds(const PlanBuilder *b, const Network *network) {
    for (size_t i = 0; i < b->node->n_networks; i++) {
        const NodeNetwork *found = b->node->networks + i;
        if (strcmp(found->name, network->name) == 0 && strcmp(found->bridge, network->bridge) == 0 &&
                same_subnets(found->subnets, network->subnets) && found->mtu_bytes == network->mtu_bytes)
            return true;
    }
    return false;
}

int plan_add_networks(PlanBuilder *b) {
    for (size_t i = 0; i < b->policy->n_networks; i++) {
        const Network *network = b->policy->networks[i];
        if (!network_in_scope(b, network) || network_holds(b, network))
            continue;
        Step *step;
        int r = plan_add_step(b, STEP_NETWORK_CREATE, network->name, NULL, &step);
        if (r < 0)
            return r;
        step->network = network;
    }
    return 0;
}
