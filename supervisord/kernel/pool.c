/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A spare namespace is made off the way of starts, and given who it is for when it is taken: name, addresses, routes. Until
 * then its eth0 is down, so that nothing goes by its port of the bridge, and its host's end says by its alias that nobody is
 * there. Whatever has become of one, a start is only faster with it: one that cannot be used is dropped, and the start makes
 * its own.
 */

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/parse.h"
#include "kernel/links.h"
#include "kernel/pool.h"

/* What it was made for is kept by value: policies come and go. */
typedef struct Spare {
    char bridge[IFNAMSIZ];
    uint64_t mtu_bytes;
    int namespace_fd;
    int bridge_ifindex, host_ifindex, inner_ifindex; /* the kernel numbers no two links alike while it runs */
} Spare;

struct Pool {
    Links *links;
    Spare *spares;
    size_t n, n_allocated;
};

int pool_new(Links *links, Pool **ret) {
    Pool *pool = calloc(1, sizeof(*pool));
    if (!pool)
        return -ENOMEM;
    pool->links = links;
    *ret = pool;
    return 0;
}

static void pool_drop(Pool *pool, size_t i) {
    close_fd(pool->spares[i].namespace_fd);
    pool->spares[i] = pool->spares[--pool->n];
}

Pool *pool_free(Pool *pool) {
    if (!pool)
        return NULL;
    while (pool->n > 0)
        pool_drop(pool, pool->n - 1);
    free(pool->spares);
    free(pool);
    return NULL;
}

static bool spare_fits(const Spare *spare, const Network *network) {
    return strcmp(spare->bridge, network->bridge) == 0 && spare->mtu_bytes == network->mtu_bytes;
}

/* --- making ------------------------------------------------------------------------------------------------------- */

/* Of no workload yet, so its name is hashed from nothing but chance. */
static int spare_name(const Links *links, const Network *network, Veth *veth) {
    Invocation chance;

    if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
        return -EIO;
    links_veth_name("", &chance, 0, veth->name);
    return links_alias(links, ALIAS_SPARE, network->name, veth->alias);
}

static int spare_make(Links *links, const Network *network, Spare *ret) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *host_end = NULL;
    _cleanup_(cleanup_close) int namespace_fd = -1;
    Spare spare = { .mtu_bytes = network->mtu_bytes };
    Veth veth = { .network = network };

    int r = spare_name(links, network, &veth);
    if (r == 0)
        r = links_namespace_new(&namespace_fd);
    if (r == 0)
        r = links_veth_make(links, namespace_fd, &veth, &host_end);
    if (r < 0)
        return r;
    strncpy(spare.bridge, network->bridge, sizeof(spare.bridge) - 1);
    spare.bridge_ifindex = rtnl_link_get_master(host_end);
    spare.host_ifindex = rtnl_link_get_ifindex(host_end);
    spare.inner_ifindex = rtnl_link_get_link(host_end);
    spare.namespace_fd = TAKE_FD(namespace_fd);
    *ret = spare;
    return 0;
}

static size_t count_fitting(const Pool *pool, const Network *network) {
    size_t n = 0;

    for (size_t i = 0; i < pool->n; i++)
        n += spare_fits(pool->spares + i, network);
    return n;
}

static int pool_add(Pool *pool, const Network *network) {
    int r = grow(&pool->spares, sizeof(*pool->spares), pool->n, &pool->n_allocated);

    if (r == 0)
        r = spare_make(pool->links, network, pool->spares + pool->n);
    if (r == 0)
        pool->n++;
    return r;
}

static bool is_wanted(const Pool *pool, const Spare *spare, const Policy *policy) {
    for (size_t i = 0; i < policy->n_networks; i++)
        if (spare_fits(spare, policy->networks[i]))
            return count_fitting(pool, policy->networks[i]) <= policy->networks[i]->warm_pool;
    return false;
}

int pool_tend(Pool *pool, const Policy *policy) {
    int r = 0;

    for (size_t i = pool->n; i > 0; i--)
        if (!is_wanted(pool, pool->spares + i - 1, policy))
            pool_drop(pool, i - 1);
    for (size_t i = 0; i < policy->n_networks; i++) {
        if (count_fitting(pool, policy->networks[i]) >= policy->networks[i]->warm_pool)
            continue;
        r = pool_add(pool, policy->networks[i]);
        if (r == 0)
            return 1;
    }
    return r;
}

/* --- taking ------------------------------------------------------------------------------------------------------- */

static int change(struct nl_sock *socket, int ifindex, struct rtnl_link *changes) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *link = rtnl_link_alloc();

    if (!link)
        return -ENOMEM;
    rtnl_link_set_ifindex(link, ifindex);
    return links_result(rtnl_link_change(socket, link, changes, 0));
}

/* Others may have taken it off the bridge, so it is put there again. A bridge that was made anew has another number. */
static int claim_host_end(const Links *links, const Spare *spare, const LinkWire *wire) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *changes = rtnl_link_alloc();
    char alias[ALIAS_SIZE];

    if (!changes)
        return -ENOMEM;
    int r = links_alias(links, ALIAS_WORKLOAD, wire->workload, alias);
    if (r < 0)
        return r;
    rtnl_link_set_ifalias(changes, alias);
    rtnl_link_set_master(changes, spare->bridge_ifindex);
    rtnl_link_set_flags(changes, IFF_UP);
    return change(links->socket, spare->host_ifindex, changes);
}

static int claim_inner_end(const Links *links, const Spare *spare, const LinkWire *wire) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *changes = rtnl_link_alloc();
    _cleanup_(cleanup_nl_addr_put) struct nl_addr *hardware_address = NULL;
    _cleanup_(cleanup_nl_socket_free) struct nl_sock *inside = NULL;

    if (!changes)
        return -ENOMEM;
    int r = links_wire_hardware_address(links, wire, &hardware_address);
    if (r == 0)
        r = links_socket_open(spare->namespace_fd, &inside);
    if (r < 0)
        return r;
    rtnl_link_set_addr(changes, hardware_address);
    rtnl_link_set_flags(changes, IFF_UP);
    r = change(inside, spare->inner_ifindex, changes);
    return r < 0 ? r : links_wire_addresses(inside, spare->inner_ifindex, wire);
}

static int spare_claim(const Links *links, const Spare *spare, const LinkWire *wire) {
    int r = claim_host_end(links, spare, wire);
    return r < 0 ? r : claim_inner_end(links, spare, wire);
}

/* What has become of one that cannot be claimed has become of others too: the bridge was made anew below them, mostly. */
int pool_take(Pool *pool, const LinkWire *wire, int *ret_namespace_fd) {
    for (size_t i = pool->n; i > 0; i--) {
        Spare *spare = pool->spares + i - 1;
        if (!spare_fits(spare, wire->attachment->network))
            continue;
        int r = spare_claim(pool->links, spare, wire);
        if (r == 0)
            *ret_namespace_fd = TAKE_FD(spare->namespace_fd);
        pool_drop(pool, i - 1);
        if (r == 0)
            return 0;
    }
    return -ENOENT;
}
