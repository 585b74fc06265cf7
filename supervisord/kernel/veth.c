/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The wire between a workload's namespace and a bridge. Its inner end is born inside the namespace: moving an end costs
 * 15 ms and deleting a veth 31 ms, so neither is ever done; the kernel takes it away with the namespace.
 */

#include <errno.h>
#include <inttypes.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>

#include "kernel/links.h"

DEFINE_CLEANUP(struct rtnl_route *, rtnl_route_put);
DEFINE_CLEANUP(struct rtnl_nexthop *, rtnl_route_nh_free);

void links_veth_name(const char *workload, const Invocation *invocation, char ret[static IFNAMSIZ]) {
    uint64_t hash = links_hash(HASH_START, workload, strlen(workload) + 1);

    hash = links_hash(hash, invocation->bytes, sizeof(invocation->bytes));
    snprintf(ret, IFNAMSIZ, "sv%011" PRIx64, hash >> (64 - 11 * 4));
}

/* eth0 has the same hardware address at each start of a workload, so that no neighbour's cache is ever stale. */
static int veth_create(
        const Links *links, int namespace_fd, const char *workload, const char *name, int bridge_ifindex) {
    _cleanup_(cleanup_nl_addr_put) struct nl_addr *hardware_address = NULL;
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *link = rtnl_link_veth_alloc();
    if (!link)
        return -ENOMEM;
    int r = links_hardware_address(links, "workload", workload, &hardware_address);
    if (r < 0)
        return r;

    rtnl_link_set_name(link, name);
    rtnl_link_set_master(link, bridge_ifindex);

    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *peer = rtnl_link_veth_get_peer(link);
    rtnl_link_set_name(peer, "eth0");
    rtnl_link_set_addr(peer, hardware_address);
    rtnl_link_set_ns_fd(peer, namespace_fd);
    return links_result(rtnl_link_add(links->socket, link, NLM_F_CREATE | NLM_F_EXCL));
}

static int veth_plug(const Links *links, int namespace_fd, const LinkWire *wire) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *bridge = NULL, *link = NULL;
    char name[IFNAMSIZ], alias[ALIAS_SIZE];

    int r = links_alias(links, "workload", wire->workload, alias);
    if (r < 0)
        return r;
    r = links_find(links->socket, wire->bridge, &bridge);
    if (r < 0)
        return r;
    if (!links_bridge_network(links, bridge))
        return -ENODEV; /* that one is not ours to join */
    links_veth_name(wire->workload, wire->invocation, name);
    r = veth_create(links, namespace_fd, wire->workload, name, rtnl_link_get_ifindex(bridge));
    if (r < 0)
        return r;
    r = links_find(links->socket, name, &link);
    if (r < 0)
        return r;
    return links_raise(links->socket, link, alias);
}

static int nexthop_new(int ifindex, uint32_t gateway, struct rtnl_nexthop **ret) {
    _cleanup_(cleanup_rtnl_route_nh_free) struct rtnl_nexthop *nexthop = rtnl_route_nh_alloc();
    _cleanup_(cleanup_nl_addr_put) struct nl_addr *via = NULL;

    if (!nexthop)
        return -ENOMEM;
    int r = links_address(gateway, 32, &via);
    if (r < 0)
        return r;

    rtnl_route_nh_set_ifindex(nexthop, ifindex);
    rtnl_route_nh_set_gateway(nexthop, via);
    *ret = TAKE_PTR(nexthop);
    return 0;
}

static int route_add_default(struct nl_sock *socket, int ifindex, uint32_t gateway) {
    _cleanup_(cleanup_rtnl_route_put) struct rtnl_route *route = rtnl_route_alloc();
    _cleanup_(cleanup_nl_addr_put) struct nl_addr *everywhere = NULL;
    struct rtnl_nexthop *nexthop;

    if (!route)
        return -ENOMEM;
    int r = links_address(INADDR_ANY, 0, &everywhere);
    if (r < 0)
        return r;
    r = links_result(rtnl_route_set_dst(route, everywhere));
    if (r < 0)
        return r;
    r = nexthop_new(ifindex, gateway, &nexthop);
    if (r < 0)
        return r;

    rtnl_route_add_nexthop(route, nexthop);
    return links_result(rtnl_route_add(socket, route, NLM_F_EXCL));
}

static int eth0_configure(struct nl_sock *inside, const LinkWire *wire) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *eth0 = NULL;

    int r = links_find(inside, "eth0", &eth0);
    if (r < 0)
        return r;
    r = links_raise(inside, eth0, NULL);
    if (r < 0)
        return r;

    int ifindex = rtnl_link_get_ifindex(eth0);
    r = links_address_add(inside, ifindex, wire->address, wire->prefix_length);
    if (r < 0)
        return r;
    return route_add_default(inside, ifindex, wire->gateway);
}

int links_wire(Links *links, int namespace_fd, const LinkWire *wire) {
    _cleanup_(cleanup_nl_socket_free) struct nl_sock *inside = NULL;

    int r = links_socket_open(namespace_fd, &inside);
    if (r < 0)
        return r;
    r = veth_plug(links, namespace_fd, wire);
    if (r < 0)
        return r;
    return eth0_configure(inside, wire);
}
