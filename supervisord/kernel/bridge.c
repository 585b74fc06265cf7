/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The bridge of a network, with the gateway's address on it. STP stays off, as the kernel has it: ports forward at once.
 *
 * Ours is what carries our alias. The alias can only be set after creation, so a bridge is born with a hardware address
 * that says the same: one that was left half made is known again and completed. (A bridge with an address of its own
 * also keeps it when ports come and go, and with it the neighbour entries of the workloads.)
 */

#include <errno.h>
#include <netlink/route/link/bridge.h>
#include <string.h>

#include "base/crash-point.h"
#include "base/parse.h"
#include "kernel/links.h"

const char *links_bridge_network(const Links *links, struct rtnl_link *link) {
    const char *type = rtnl_link_get_type(link), *network = links_alias_name(links, link, "network");

    return type && strcmp(type, "bridge") == 0 && network && name_is_valid(network) ? network : NULL;
}

static bool bridge_is_ours(const Links *links, struct rtnl_link *link, const struct nl_addr *hardware_address) {
    const char *type = rtnl_link_get_type(link);

    if (links_bridge_network(links, link))
        return true;
    return type && strcmp(type, "bridge") == 0 && !rtnl_link_get_ifalias(link) &&
           nl_addr_cmp(rtnl_link_get_addr(link), hardware_address) == 0;
}

static int bridge_create(const Links *links, const char *bridge, struct nl_addr *hardware_address) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *link = rtnl_link_bridge_alloc();
    if (!link)
        return -ENOMEM;

    rtnl_link_set_name(link, bridge);
    rtnl_link_set_addr(link, hardware_address);
    return links_result(rtnl_link_add(links->socket, link, NLM_F_CREATE | NLM_F_EXCL));
}

static int bridge_find_or_create(const Links *links, const char *bridge, struct rtnl_link **ret) {
    _cleanup_(cleanup_nl_addr_put) struct nl_addr *hardware_address = NULL;
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *link = NULL;

    int r = links_hardware_address(links, "network", bridge, &hardware_address);
    if (r < 0)
        return r;
    r = links_find(links->socket, bridge, &link);
    if (r == -ENODEV) {
        r = bridge_create(links, bridge, hardware_address);
        crash_point("bridge made");
        if (r < 0)
            return r;
        r = links_find(links->socket, bridge, &link);
    }
    if (r < 0)
        return r;
    if (!bridge_is_ours(links, link, hardware_address))
        return -EEXIST;

    *ret = TAKE_PTR(link);
    return 0;
}

static bool is_wanted(const Network *network, const Subnet *subnet) {
    return subnet_equal(network->subnets + address_index(&subnet->gateway), subnet);
}

/* The gateways are the only addresses. Others go first: the kernel takes secondary addresses away with their primary. */
static int bridge_drop_addresses(const Links *links, int ifindex, const Network *network) {
    _cleanup_(cleanup_nl_cache_free) struct nl_cache *addresses = NULL;

    int r = links_addresses_of(links->socket, ifindex, &addresses);
    if (r < 0)
        return r;

    for (struct nl_object *o = nl_cache_get_first(addresses); o; o = nl_cache_get_next(o)) {
        struct rtnl_addr *address = (struct rtnl_addr *) o;
        Subnet present;

        if (rtnl_addr_get_ifindex(address) != ifindex || !links_subnet(address, &present) ||
                is_wanted(network, &present))
            continue;
        r = links_result(rtnl_addr_delete(links->socket, address, 0));
        if (r < 0 && r != -EADDRNOTAVAIL)
            return r;
    }
    return 0;
}

static int bridge_set_gateways(const Links *links, int ifindex, const Network *network) {
    int r = bridge_drop_addresses(links, ifindex, network);

    for (AddressFamily family = 0; r >= 0 && family < ADDRESS_FAMILIES_COUNT; family++)
        if (address_is_set(&network->subnets[family].gateway))
            r = links_address_add(links->socket, ifindex, network->subnets + family);
    return r;
}

/* A bridge whose MTU was set after its birth keeps it when ports come and go. */
static int bridge_set_mtu(const Links *links, struct rtnl_link *link, uint64_t mtu_bytes) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *change = NULL;

    if (rtnl_link_get_mtu(link) == mtu_bytes)
        return 0;
    change = rtnl_link_alloc();
    if (!change)
        return -ENOMEM;
    rtnl_link_set_mtu(change, mtu_bytes);
    return links_result(rtnl_link_change(links->socket, link, change, 0));
}

int links_bridge_make(Links *links, const Network *network) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *link = NULL;
    char alias[ALIAS_SIZE];

    int r = links_alias(links, "network", network->name, alias);
    if (r < 0)
        return r;
    r = bridge_find_or_create(links, network->bridge, &link);
    if (r < 0)
        return r;
    r = bridge_set_mtu(links, link, network->mtu_bytes);
    if (r < 0)
        return r;
    crash_point("bridge sized");
    r = links_raise(links->socket, link, alias);
    crash_point("bridge raised");
    if (r < 0)
        return r;
    return bridge_set_gateways(links, rtnl_link_get_ifindex(link), network);
}

/* Spare ones do not count: nobody is there. */
static bool bridge_has_ports(const Links *links, struct nl_cache *all, int ifindex) {
    for (struct nl_object *o = nl_cache_get_first(all); o; o = nl_cache_get_next(o)) {
        struct rtnl_link *link = (struct rtnl_link *) o;

        if (rtnl_link_get_master(link) == ifindex && !links_alias_name(links, link, ALIAS_SPARE))
            return true;
    }
    return false;
}

int links_bridge_remove(Links *links, const char *bridge) {
    _cleanup_(cleanup_nl_cache_free) struct nl_cache *all = NULL;
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *link = NULL;

    int r = links_find(links->socket, bridge, &link);
    if (r == -ENODEV)
        return 0;
    if (r < 0)
        return r;
    if (!links_bridge_network(links, link))
        return -EEXIST;

    r = links_result(rtnl_link_alloc_cache(links->socket, AF_UNSPEC, &all));
    if (r < 0)
        return r;
    if (bridge_has_ports(links, all, rtnl_link_get_ifindex(link)))
        return -EBUSY;
    return links_result(rtnl_link_delete(links->socket, link));
}

static void bridge_describe(const char *network, struct rtnl_link *link, struct nl_cache *addresses, BridgeFound *ret) {
    *ret = (BridgeFound){ .mtu_bytes = rtnl_link_get_mtu(link) };
    strncpy(ret->name, network, sizeof(ret->name) - 1);
    strncpy(ret->bridge, rtnl_link_get_name(link), sizeof(ret->bridge) - 1);
    links_subnets(addresses, rtnl_link_get_ifindex(link), ret->subnets);
}

int links_find_bridge(Links *links, const char *bridge, BridgeFound *ret) {
    _cleanup_(cleanup_nl_cache_free) struct nl_cache *addresses = NULL;
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *link = NULL;

    int r = links_find(links->socket, bridge, &link);
    if (r < 0)
        return r;
    const char *network = links_bridge_network(links, link);
    if (!network)
        return -ENODEV;
    r = links_addresses_of(links->socket, rtnl_link_get_ifindex(link), &addresses);
    if (r < 0)
        return r;

    bridge_describe(network, link, addresses, ret);
    return 0;
}

ssize_t links_list_bridges(Links *links, BridgeFound *ret, size_t max) {
    _cleanup_(cleanup_nl_cache_free) struct nl_cache *all = NULL, *addresses = NULL;
    size_t n = 0;

    int r = links_result(rtnl_link_alloc_cache(links->socket, AF_UNSPEC, &all));
    if (r < 0)
        return r;
    r = links_result(rtnl_addr_alloc_cache(links->socket, &addresses));
    if (r < 0)
        return r;

    for (struct nl_object *o = nl_cache_get_first(all); o && n < max; o = nl_cache_get_next(o)) {
        struct rtnl_link *link = (struct rtnl_link *) o;
        const char *network = links_bridge_network(links, link);

        if (!network)
            continue;
        bridge_describe(network, link, addresses, &ret[n]);
        ret[n++].has_ports = bridge_has_ports(links, all, rtnl_link_get_ifindex(link));
    }
    return n;
}
