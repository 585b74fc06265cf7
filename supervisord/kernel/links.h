/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What bridges, veths and shapers share: the connection to the kernel, other namespaces, identities. Private to them; network.h is the contract. */

#include <netinet/in.h>
#include <netlink/addr.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "kernel/network.h"

enum { ALIAS_SIZE = 256 }; /* IFALIASZ of linux/if.h, which does not go together with net/if.h */

struct Links {
    char *instance;
    int runtime_fd;         /* -1: none */
    struct nl_sock *socket; /* in the network namespace of the thread that opened it */
};

DEFINE_CLEANUP(struct nl_addr *, nl_addr_put);
DEFINE_CLEANUP(struct nl_cache *, nl_cache_free);
DEFINE_CLEANUP(struct nl_msg *, nlmsg_free);
DEFINE_CLEANUP(struct nl_sock *, nl_socket_free);
DEFINE_CLEANUP(struct rtnl_addr *, rtnl_addr_put);
DEFINE_CLEANUP(struct rtnl_link *, rtnl_link_put);

/* libnl's result as 0 or negative errno. */
int links_result(int nl_result);
/* A socket that stays in the given namespace. */
int links_socket_open(int namespace_fd, struct nl_sock **ret);
/* -ENODEV if there is none. */
int links_find(struct nl_sock *socket, const char *name, struct rtnl_link **ret);
int links_address(const Address *address, unsigned prefix_length, struct nl_addr **ret);
/* All addresses of one link. The kernel leaves the others out: on a node with a thousand workloads there are thousands. */
int links_addresses_of(struct nl_sock *socket, int ifindex, struct nl_cache **ret);
/* What the link with this index has of addresses, the first of each family; link-local ones do not count. */
void links_subnets(struct nl_cache *addresses, int ifindex, Subnet ret[static ADDRESS_FAMILIES_COUNT]);
/* Of libnl's; false: it is of another family, or link-local. */
bool links_subnet(struct rtnl_addr *address, Subnet *ret);
/* Always the same for one instance, kind and name. */
int links_hardware_address(const Links *links, const char *kind, const char *name, struct nl_addr **ret);
/* Adds the address to the link; the same again is fine. */
int links_address_add(struct nl_sock *socket, int ifindex, const Subnet *address);
/* Up, with an alias (NULL: as it is). The kernel takes no alias at creation. */
int links_raise(struct nl_sock *socket, struct rtnl_link *link, const char *alias);
/* "INSTANCE:KIND:NAME" */
int links_alias(const Links *links, const char *kind, const char *name, char ret[static ALIAS_SIZE]);
/* The name within an alias of ours of that kind; NULL: it has none. */
const char *links_alias_name(const Links *links, struct rtnl_link *link, const char *kind);
/* The network's name within the alias; NULL if the link is not a bridge or has no alias of ours. */
const char *links_bridge_network(const Links *links, struct rtnl_link *link);

#define ALIAS_WORKLOAD "workload"
#define ALIAS_SPARE "spare" /* of a namespace that nobody is in yet */

/* A veth to be: from a bridge of ours into a namespace. */
typedef struct Veth {
    const Network *network;
    unsigned index;                   /* N of ethN */
    struct nl_addr *hardware_address; /* of ethN; NULL: any */
    char name[IFNAMSIZ];              /* the host's end */
    char alias[ALIAS_SIZE];
} Veth;

/* Makes it, with the host's end on the bridge and up. -ENODEV: there is no such bridge of ours. */
int links_veth_make(const Links *links, int namespace_fd, const Veth *veth, struct rtnl_link **ret_host_end);
/* ethN always has the same one at each start of a workload, so that no neighbour's cache is ever stale. */
int links_wire_hardware_address(const Links *links, const LinkWire *wire, struct nl_addr **ret);
/* Of ethN, which is up: addresses and, for eth0, default routes. */
int links_wire_addresses(struct nl_sock *inside, int ifindex, const LinkWire *wire);
