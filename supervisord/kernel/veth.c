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

#include "base/crash-point.h"
#include "base/hash.h"
#include "kernel/links.h"

DEFINE_CLEANUP(struct rtnl_route *, rtnl_route_put);
DEFINE_CLEANUP(struct rtnl_nexthop *, rtnl_route_nh_free);

enum { INTERFACE_NAME_MAX = sizeof("eth4294967295") };

static const char *inner_name(unsigned index, char name[static INTERFACE_NAME_MAX]) {
    snprintf(name, INTERFACE_NAME_MAX, "eth%u", index);
    return name;
}

void links_veth_name(const char *workload, const Invocation *invocation, unsigned index, char ret[static IFNAMSIZ]) {
    uint64_t hash = hash_bytes(HASH_START, workload, strlen(workload) + 1);

    hash = hash_bytes(hash, invocation->bytes, sizeof(invocation->bytes));
    hash = hash_bytes(hash, &index, sizeof(index));
    snprintf(ret, IFNAMSIZ, "sv%011" PRIx64, hash >> (64 - 11 * 4));
}

int links_wire_hardware_address(const Links *links, const LinkWire *wire, struct nl_addr **ret) {
    char kind[32] = ALIAS_WORKLOAD;

    if (wire->index > 0)
        snprintf(kind, sizeof(kind), ALIAS_WORKLOAD "-%u", wire->index);
    return links_hardware_address(links, kind, wire->workload, ret);
}

static int veth_create(const Links *links, int namespace_fd, const Veth *veth, int bridge_ifindex) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *link = rtnl_link_veth_alloc();
    char inner[INTERFACE_NAME_MAX];
    if (!link)
        return -ENOMEM;

    rtnl_link_set_name(link, veth->name);
    rtnl_link_set_master(link, bridge_ifindex);
    rtnl_link_set_mtu(link, veth->network->mtu_bytes);

    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *peer = rtnl_link_veth_get_peer(link);
    rtnl_link_set_name(peer, inner_name(veth->index, inner));
    if (veth->hardware_address)
        rtnl_link_set_addr(peer, veth->hardware_address);
    rtnl_link_set_mtu(peer, veth->network->mtu_bytes);
    rtnl_link_set_ns_fd(peer, namespace_fd);
    return links_result(rtnl_link_add(links->socket, link, NLM_F_CREATE | NLM_F_EXCL));
}

int links_veth_make(const Links *links, int namespace_fd, const Veth *veth, struct rtnl_link **ret_host_end) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *bridge = NULL, *link = NULL;

    int r = links_find(links->socket, veth->network->bridge, &bridge);
    if (r < 0)
        return r;
    if (!links_bridge_network(links, bridge))
        return -ENODEV; /* that one is not ours to join */
    r = veth_create(links, namespace_fd, veth, rtnl_link_get_ifindex(bridge));
    crash_point("veth made");
    if (r < 0)
        return r;
    r = links_find(links->socket, veth->name, &link);
    if (r < 0)
        return r;
    r = links_raise(links->socket, link, veth->alias);
    if (r < 0)
        return r;
    *ret_host_end = TAKE_PTR(link);
    return 0;
}

static int veth_plug(const Links *links, int namespace_fd, const LinkWire *wire) {
    _cleanup_(cleanup_nl_addr_put) struct nl_addr *hardware_address = NULL;
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *host_end = NULL;
    Veth veth = { .network = wire->attachment->network, .index = wire->index };

    int r = links_alias(links, ALIAS_WORKLOAD, wire->workload, veth.alias);
    if (r == 0)
        r = links_wire_hardware_address(links, wire, &hardware_address);
    if (r < 0)
        return r;
    veth.hardware_address = hardware_address;
    links_veth_name(wire->workload, wire->invocation, wire->index, veth.name);
    return links_veth_make(links, namespace_fd, &veth, &host_end);
}

static int nexthop_new(int ifindex, const Address *gateway, struct rtnl_nexthop **ret) {
    _cleanup_(cleanup_rtnl_route_nh_free) struct rtnl_nexthop *nexthop = rtnl_route_nh_alloc();
    _cleanup_(cleanup_nl_addr_put) struct nl_addr *via = NULL;

    if (!nexthop)
        return -ENOMEM;
    int r = links_address(gateway, 8 * address_size(gateway), &via);
    if (r < 0)
        return r;

    rtnl_route_nh_set_ifindex(nexthop, ifindex);
    rtnl_route_nh_set_gateway(nexthop, via);
    *ret = TAKE_PTR(nexthop);
    return 0;
}

static int route_add_default(struct nl_sock *socket, int ifindex, const Address *gateway) {
    const Address anywhere = { .family = gateway->family };
    _cleanup_(cleanup_rtnl_route_put) struct rtnl_route *route = rtnl_route_alloc();
    _cleanup_(cleanup_nl_addr_put) struct nl_addr *everywhere = NULL;
    struct rtnl_nexthop *nexthop;

    if (!route)
        return -ENOMEM;
    int r = links_address(&anywhere, 0, &everywhere);
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

static int inner_address(struct nl_sock *inside, int ifindex, const LinkWire *wire, AddressFamily family) {
    const Subnet *subnet = wire->attachment->network->subnets + family;
    Subnet own = { wire->attachment->addresses[family], subnet->prefix_length };

    if (!address_is_set(&subnet->gateway))
        return 0;
    int r = links_address_add(inside, ifindex, &own);
    if (r < 0 || wire->index > 0)
        return r;
    return route_add_default(inside, ifindex, &subnet->gateway);
}

int links_wire_addresses(struct nl_sock *inside, int ifindex, const LinkWire *wire) {
    int r = 0;

    for (AddressFamily family = 0; r >= 0 && family < ADDRESS_FAMILIES_COUNT; family++)
        r = inner_address(inside, ifindex, wire, family);
    return r;
}

static int inner_configure(struct nl_sock *inside, const LinkWire *wire) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *link = NULL;
    char name[INTERFACE_NAME_MAX];

    int r = links_find(inside, inner_name(wire->index, name), &link);
    if (r < 0)
        return r;
    r = links_raise(inside, link, NULL);
    return r < 0 ? r : links_wire_addresses(inside, rtnl_link_get_ifindex(link), wire);
}

int links_wire(Links *links, int namespace_fd, const LinkWire *wire) {
    _cleanup_(cleanup_nl_socket_free) struct nl_sock *inside = NULL;

    int r = links_socket_open(namespace_fd, &inside);
    if (r < 0)
        return r;
    r = veth_plug(links, namespace_fd, wire);
    crash_point("veth plugged");
    if (r < 0)
        return r;
    return inner_configure(inside, wire);
}

static int veth_take_down(const Links *links, struct rtnl_link *link) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *change = rtnl_link_alloc();

    if (!change)
        return -ENOMEM;
    rtnl_link_unset_flags(change, IFF_UP);
    int r = links_result(rtnl_link_change(links->socket, link, change, 0));
    return r == -ENODEV ? 0 : r; /* the last one that shared it has ended meanwhile */
}

int links_unplug(Links *links, const char *workload) {
    _cleanup_(cleanup_nl_cache_free) struct nl_cache *all = NULL;
    char alias[ALIAS_SIZE];

    int r = links_alias(links, ALIAS_WORKLOAD, workload, alias);
    if (r == 0)
        r = links_result(rtnl_link_alloc_cache(links->socket, AF_UNSPEC, &all));
    if (r < 0)
        return r;
    for (struct nl_object *o = nl_cache_get_first(all); r == 0 && o; o = nl_cache_get_next(o)) {
        struct rtnl_link *link = (struct rtnl_link *) o;
        const char *found = rtnl_link_get_ifalias(link);

        if (found && strcmp(found, alias) == 0 && rtnl_link_get_flags(link) & IFF_UP)
            r = veth_take_down(links, link);
    }
    return r;
}

int links_addresses(int namespace_fd, unsigned index, Subnet ret[static ADDRESS_FAMILIES_COUNT]) {
    _cleanup_(cleanup_nl_socket_free) struct nl_sock *inside = NULL;
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *link = NULL;
    _cleanup_(cleanup_nl_cache_free) struct nl_cache *addresses = NULL;
    char name[INTERFACE_NAME_MAX];

    int r = links_socket_open(namespace_fd, &inside);
    if (r < 0)
        return r;
    r = links_find(inside, inner_name(index, name), &link);
    if (r < 0)
        return r;
    r = links_addresses_of(inside, rtnl_link_get_ifindex(link), &addresses);
    if (r < 0)
        return r;
    links_subnets(addresses, rtnl_link_get_ifindex(link), ret);
    return 0;
}
