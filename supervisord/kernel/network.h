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

typedef struct Links Links;

int links_open(const char *instance, Links **ret);
Links *links_close(Links *links);
DEFINE_CLEANUP(Links *, links_close);

/* A bridge that carries our alias. */
typedef struct BridgeFound {
    char name[65]; /* of the network */
    char bridge[IFNAMSIZ];
    uint32_t gateway; /* network byte order; 0: has no address */
    unsigned prefix_length;
    bool has_ports;
} BridgeFound;

/* Fills up to max; the number found. */
ssize_t links_list_bridges(Links *links, BridgeFound *ret, size_t max);
/* One, without looking for its ports; -ENODEV when no bridge of ours has that name. */
int links_find_bridge(Links *links, const char *bridge, BridgeFound *ret);
/* Creates or completes: bridge, alias, address, up. -EEXIST when a link of that name is not ours. */
int links_bridge_make(Links *links, const char *network, const char *bridge, uint32_t gateway, unsigned prefix_length);
/* Removes if ours; 0 when it is not there; -EBUSY while it has ports. */
int links_bridge_remove(Links *links, const char *bridge);

/* A fresh network namespace with loopback up, held by the returned descriptor. Leaves the calling thread where it was. */
int links_namespace_new(int *ret_fd);
/* The network namespace of a running process; -ENODEV when it is our own, whose eth0 is not ours to shape. */
int links_namespace_of(pid_t pid, int *ret_fd);

typedef struct LinkWire {
    const char *workload;
    const Invocation *invocation;
    const char *bridge;
    uint32_t address, gateway; /* network byte order */
    unsigned prefix_length;
} LinkWire;

/* veth with its peer created inside the namespace as eth0, on the bridge, with address and default route. */
int links_wire(Links *links, int namespace_fd, const LinkWire *wire);
/* "sv" and 11 hex digits of a hash of workload and invocation: the host end's name. */
void links_veth_name(const char *workload, const Invocation *invocation, char ret[static IFNAMSIZ]);

/*
 * Shapes what the namespace sends by eth0 (tbf, burst sized for the rate, at least one GSO frame); AMOUNT_INFINITY takes the shaping away.
 * Changes a running shaper in place.
 */
int links_egress_set(Links *links, int namespace_fd, uint64_t bytes_per_sec);
/* AMOUNT_INFINITY when not shaped. */
int links_egress_get(Links *links, int namespace_fd, uint64_t *ret_bytes_per_sec);
/* The shaper's own counters: packets that had to wait (overlimits) and were dropped. -ENODATA when not shaped. */
int links_egress_witness(Links *links, int namespace_fd, uint64_t *ret_overlimits, uint64_t *ret_drops);
