/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Bridges, network namespaces, veths and their shaping, by libnl. A namespace is held by descriptor only: when its last
 * process has ended and the descriptor is closed, the kernel takes it and its veth away, so nothing can be left behind.
 * Our bridges carry the alias "INSTANCE:network:NAME", our veths "INSTANCE:workload:NAME"; other people's links are never touched.
 *
 * A Links is used by one thread at a time.
 */

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "model/invocation.h"
#include "model/policy.h"

typedef struct Links Links;

/* runtime_dir: where the firewall keeps its note; NULL: there is none. */
int links_open(const char *instance, const char *runtime_dir, Links **ret);
Links *links_close(Links *links);
DEFINE_CLEANUP(Links *, links_close);

/* A bridge that carries our alias. */
typedef struct BridgeFound {
    char name[65]; /* of the network */
    char bridge[IFNAMSIZ];
    Subnet subnets[ADDRESS_FAMILIES_COUNT]; /* by the bridge's addresses; link-local ones do not count */
    uint64_t mtu_bytes;
    bool has_ports;
} BridgeFound;

/* Fills up to max; the number found. */
ssize_t links_list_bridges(Links *links, BridgeFound *ret, size_t max);
/* One, without looking for its ports; -ENODEV when no bridge of ours has that name. */
int links_find_bridge(Links *links, const char *bridge, BridgeFound *ret);
/* Creates or completes: bridge, alias, MTU, addresses, up. -EEXIST when a link of that name is not ours. */
int links_bridge_make(Links *links, const Network *network);
/* Removes if ours; 0 when it is not there; -EBUSY while it has ports. */
int links_bridge_remove(Links *links, const char *bridge);

/* A fresh network namespace with loopback up, held by the returned descriptor. Leaves the calling thread where it was. */
int links_namespace_new(int *ret_fd);
/* The network namespace of the process that bore the pid since then; -ESRCH: gone; -ENODEV when it is our own, whose eth0 is not ours to shape. */
int links_namespace_of(pid_t pid, uint64_t start_ticks, int *ret_fd);

typedef struct LinkWire {
    const char *workload;
    const Invocation *invocation;
    const Attachment *attachment; /* with an address for each subnet of its network */
    unsigned index;               /* N of ethN; eth0 has the default routes */
} LinkWire;

/* veth with its peer created inside the namespace as ethN, on the bridge, with addresses and, for eth0, default routes. */
int links_wire(Links *links, int namespace_fd, const LinkWire *wire);
/* Takes down the host's ends of what earlier starts of the workload left because others share their namespaces. */
int links_unplug(Links *links, const char *workload);
/* "sv" and 11 hex digits of a hash of workload, invocation and number: the host end's name. */
void links_veth_name(const char *workload, const Invocation *invocation, unsigned index, char ret[static IFNAMSIZ]);
/* Reads the addresses of ethN into ret, none where there is none; -ENODEV: there is no ethN. */
int links_addresses(int namespace_fd, unsigned index, Subnet ret[static ADDRESS_FAMILIES_COUNT]);

/*
 * Shapes what the namespace sends by each of its ethN (tbf, burst sized for the rate, at least one GSO frame);
 * AMOUNT_INFINITY takes the shaping away. Changes a running shaper in place.
 */
int links_egress_set(Links *links, int namespace_fd, uint64_t bytes_per_sec);
/* AMOUNT_INFINITY when not shaped; of several interfaces that differ the loosest. */
int links_egress_get(Links *links, int namespace_fd, uint64_t *ret_bytes_per_sec);
/* The shapers' own counters, summed: packets that had to wait (overlimits) and were dropped. -ENODATA when not shaped. */
int links_egress_witness(Links *links, int namespace_fd, uint64_t *ret_overlimits, uint64_t *ret_drops);
