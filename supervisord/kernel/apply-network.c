/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Bridges, and the namespace of a start: wired and shaped before anything runs in it. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "base/crash-point.h"
#include "base/strv.h"
#include "kernel/applier.h"
#include "kernel/cgroup.h"
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

static LinkWire wire_of(const Step *step, const Invocation *invocation, unsigned index) {
    return (LinkWire){
        .workload = step->object,
        .invocation = invocation,
        .attachment = step->group->workload->wiring.attachments + index,
        .index = index,
    };
}

/* From the first on that is not attached yet. */
static int attach(const Applier *a, Step *step, const Invocation *invocation, unsigned first, int namespace_fd) {
    for (unsigned i = first; i < step->group->workload->wiring.n_attachments; i++) {
        const LinkWire wire = wire_of(step, invocation, i);
        int r = links_wire(a->target->links, namespace_fd, &wire);
        if (r < 0)
            return step_failed(step, r, "cannot connect to bridge %s", wire.attachment->network->bridge);
    }
    return 0;
}

/* --- another workload's ------------------------------------------------------------------------------------------- */

/* Of the start that has processes; there is one at most. */
static int visit_leaf(void *userdata, int dir_fd, const char *name) {
    _cleanup_(cleanup_close) int fd = -1;
    CgroupMark mark;
    unsigned start, session;
    bool populated;
    if (cgroup_leaf_parse(name, &start, &session) < 0 || session || cgroup_open(dir_fd, name, &fd) < 0 ||
            cgroup_populated(fd, &populated) < 0 || !populated || cgroup_mark_read(fd, &mark) < 0)
        return 0;
    *(CgroupMark *) userdata = mark;
    return 1;
}

static int read_main_mark(const Applier *a, const Group *owner, CgroupMark *ret) {
    _cleanup_(cleanup_close) int group_fd = -1;
    char path[PATH_MAX];
    int r = group_path(owner, path, sizeof path);
    if (r == 0)
        r = applier_open(a, path, &group_fd);
    if (r < 0)
        return r;
    *ret = (CgroupMark){};
    r = cgroup_each(group_fd, visit_leaf, ret);
    return r < 0 ? r : ret->main_pid > 0 ? 0 : -ESRCH;
}

static int open_namespace_of(const Applier *a, const Group *owner, int *ret_fd) {
    CgroupMark mark;
    int r = read_main_mark(a, owner, &mark);
    return r < 0 ? r : links_namespace_of(mark.main_pid, mark.main_start_ticks, ret_fd);
}

/* What this plan started may not have entered its namespace yet: the descriptor is at hand. */
static int share(const Applier *a, Step *step, const Group *owner, int *ret_namespace_fd) {
    int at_hand = a->namespace_fds[owner->index];
    int r = at_hand < 0 ? open_namespace_of(a, owner, ret_namespace_fd) : 0;
    if (at_hand >= 0 && (*ret_namespace_fd = fcntl(at_hand, F_DUPFD_CLOEXEC, 3)) < 0)
        r = -errno;
    if (r == -ESRCH || r == -ENOENT || r == -ENODEV)
        text_printf(&step->message, "workload %s, whose network it shares, %s", owner->name,
                r == -ENODEV ? "is not in its namespace yet" : "does not run");
    return r < 0 ? step_failed(step, r, "cannot open the network namespace of %s", owner->name) : 0;
}

/* --- its own ------------------------------------------------------------------------------------------------------- */

/* Who shares an earlier start's namespace keeps it, but not on the bridge: the addresses are the new start's. */
static int unplug_earlier(const Applier *a, Step *step) {
    if (!step->group->workload->wiring.shared)
        return 0;
    int r = links_unplug(a->target->links, step->object);
    return r < 0 ? step_failed(step, r, "cannot take an earlier start off its bridges") : 0;
}

/* One that is ready for its first network, or a new one; the number of networks that it is on. */
static int open_namespace(const Applier *a, Step *step, const Invocation *invocation, int *ret_namespace_fd) {
    if (a->target->pool && step->group->workload->wiring.n_attachments > 0) {
        const LinkWire wire = wire_of(step, invocation, 0);
        if (pool_take(a->target->pool, &wire, ret_namespace_fd) == 0)
            return 1;
    }
    int r = links_namespace_new(ret_namespace_fd);
    return r < 0 ? step_failed(step, r, "cannot make a network namespace") : 0;
}

static int shape(const Applier *a, Step *step, int namespace_fd) {
    const LimitValue *egress = step->group->limits + LIMIT_NETWORK_EGRESS_MAX;
    int r = egress->is_set ? links_egress_set(a->target->links, namespace_fd, egress->amount) : 0;
    return r < 0 ? step_failed(step, r, "cannot shape what it sends") : 0;
}

int applier_wire(const Applier *a, Step *step, const Invocation *invocation, int *ret_namespace_fd) {
    const Wiring *wiring = &step->group->workload->wiring;
    _cleanup_(cleanup_close) int namespace_fd = -1;

    if (wiring->mode == NETWORK_HOST)
        return 0;
    if (wiring->mode == NETWORK_WORKLOAD)
        return share(a, step, wiring->owner, ret_namespace_fd);
    int r = unplug_earlier(a, step);
    if (r == 0)
        r = open_namespace(a, step, invocation, &namespace_fd);
    crash_point("namespace made");
    if (r >= 0)
        r = attach(a, step, invocation, (unsigned) r, namespace_fd);
    if (r == 0)
        r = shape(a, step, namespace_fd);
    if (r == 0)
        *ret_namespace_fd = TAKE_FD(namespace_fd);
    return r;
}
