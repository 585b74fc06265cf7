/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What holds of bridges and shapers. */

#include <errno.h>
#include <string.h>

#include "base/strv.h"
#include "kernel/firewall.h"
#include "kernel/observer.h"

int observe_egress(const Observer *o, NodeGroup *group, const NodeLeaf *leaf) {
    const Group *wanted = policy_group(o->policy, group->name);
    if (!wanted || !wanted->workload || wanted->workload->wiring.mode != NETWORK_BRIDGE)
        return 0;
    _cleanup_(cleanup_close) int namespace_fd = -1;
    uint64_t rate;
    if (links_namespace_of(leaf->main_pid, leaf->main_start_ticks, &namespace_fd) < 0 ||
            links_egress_get(o->links, namespace_fd, &rate) < 0)
        return 0;

    size_t allocated = group->n_settings;
    int r = grow(&group->settings, sizeof *group->settings, group->n_settings, &allocated);
    if (r < 0)
        return r;
    Setting *setting = group->settings + group->n_settings++;
    *setting = (Setting){ .knob = KNOB_NETWORK_EGRESS };
    knob_format(knobs + KNOB_NETWORK_EGRESS, rate, setting->text, sizeof setting->text);
    return 0;
}

/* Those that a workload alone is on: to list all links costs more than the rest of a start. */
static ssize_t find_bridges_of(const Observer *o, const Wiring *wiring, BridgeFound *found) {
    ssize_t n = 0;
    for (size_t i = 0; i < wiring->n_attachments; i++) {
        int r = links_find_bridge(o->links, wiring->attachments[i].network->bridge, found + n);
        if (r < 0 && r != -ENODEV)
            return r;
        n += r == 0;
    }
    return n;
}

static ssize_t find_bridges(const Observer *o, BridgeFound found[static NETWORKS_MAX]) {
    const Group *group = o->only ? policy_group(o->policy, o->only) : NULL;
    if (!o->only)
        return links_list_bridges(o->links, found, NETWORKS_MAX);
    return group && group->workload ? find_bridges_of(o, &group->workload->wiring, found) : 0;
}

int observe_networks(Observer *o) {
    BridgeFound found[NETWORKS_MAX];
    ssize_t n = find_bridges(o, found);
    if (n <= 0)
        return n;
    o->node->networks = calloc(n, sizeof *o->node->networks);
    if (!o->node->networks)
        return -ENOMEM;
    for (ssize_t i = 0; i < n; i++) {
        NodeNetwork *network = o->node->networks + o->node->n_networks++;
        *network = (NodeNetwork){
            .name = strdup(found[i].name),
            .bridge = strdup(found[i].bridge),
            .mtu_bytes = found[i].mtu_bytes,
            .has_ports = found[i].has_ports,
        };
        memcpy(network->subnets, found[i].subnets, sizeof network->subnets);
        if (!network->name || !network->bridge)
            return -ENOMEM;
    }
    return 0;
}

/* A start alone needs it only when it publishes; one that is gone from the policy may have. */
static bool firewall_in_scope(const Observer *o) {
    const Group *group = o->only ? policy_group(o->policy, o->only) : NULL;
    return !group || (group->workload && group->workload->wiring.n_publications > 0);
}

/* What cannot be read does not hold, as far as the plan can tell: to write it will say why. */
int observe_firewall(Observer *o) {
    o->node->firewall_seen = firewall_in_scope(o);
    if (o->node->firewall_seen && firewall_read(o->links, o->node->firewall_seal) < 0)
        strcpy(o->node->firewall_seal, "other");
    return 0;
}
