/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Bridges, and the namespace of a start: wired and shaped before anything runs in it. */

#include <errno.h>

#include "kernel/applier.h"
#include "kernel/firewall.h"

int apply_firewall_set(const Applier *a, Step *step) {
    _cleanup_(cleanup_free) char *said = NULL;
    int r = firewall_set(a->target->links, step->table, &said);
    if (r == -EEXIST)
        return step_failed(step, r, "an nftables table of our name is there that is not ours");
    if (r == -ELIBACC)
        return step_failed(step, r, "NAT= and Publish= need libnftables (package libnftables1)");
    if (r < 0)
        return step_failed(step, r, "nftables refuses%s%s", said ? ": " : "", said ?: "");
    return 0;
}

int apply_network_create(const Applier *a, Step *step) {
    const Network *network = step->network;
    int r = links_bridge_make(a->target->links, network);
    if (r == -EEXIST)
        return step_failed(step, r, "a link named %s is there that is not ours", network->bridge);
    return r < 0 ? step_failed(step, r, "cannot make bridge %s", network->bridge) : 0;
}

int apply_network_remove(const Applier *a, Step *step) {
    int r = links_bridge_remove(a->target->links, step->from);
    return r < 0 ? step_failed(step, r, "cannot remove bridge %s", step->from) : 0;
}

static int attach(const Applier *a, Step *step, const Invocation *invocation, int namespace_fd) {
    const Wiring *wiring = &step->group->workload->wiring;

    for (size_t i = 0; i < wiring->n_attachments; i++) {
        const LinkWire wire = {
            .workload = step->object,
            .invocation = invocation,
            .attachment = wiring->attachments + i,
            .index = i,
        };
        int r = links_wire(a->target->links, namespace_fd, &wire);
        if (r < 0)
            return step_failed(step, r, "cannot connect to bridge %s", wire.attachment->network->bridge);
    }
    return 0;
}

int applier_wire(const Applier *a, Step *step, const Invocation *invocation, int *ret_namespace_fd) {
    const Wiring *wiring = &step->group->workload->wiring;
    const LimitValue *egress = step->group->limits + LIMIT_NETWORK_EGRESS_MAX;
    _cleanup_(cleanup_close) int namespace_fd = -1;

    if (wiring->mode == NETWORK_HOST)
        return 0;
    int r = links_namespace_new(&namespace_fd);
    if (r < 0)
        return step_failed(step, r, "cannot make a network namespace");
    r = attach(a, step, invocation, namespace_fd);
    if (r < 0)
        return r;
    if (egress->is_set)
        r = links_egress_set(a->target->links, namespace_fd, egress->amount);
    if (r < 0)
        return step_failed(step, r, "cannot shape what it sends");
    *ret_namespace_fd = TAKE_FD(namespace_fd);
    return 0;
}
