/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Network namespaces that are ready before anybody starts in them: loopback up, eth0 inside a veth that is on the bridge. What a
 * start then still does costs a tenth of making one. They are held by descriptor only, so that they go with the daemon.
 *
 * On the thread of the Links.
 */

#include "kernel/network.h"

typedef struct Pool Pool;

int pool_new(Links *links, Pool **ret);
Pool *pool_free(Pool *pool);
DEFINE_CLEANUP(Pool *, pool_free);

/*
 * Lets go of those that no network of the policy wants as they are, else makes one that a network lacks. 1: there may be
 * more to do. A negative errno says why none could be made, of the last network that lacks any.
 */
int pool_tend(Pool *pool, const Policy *policy);
/* One with eth0 as links_wire() would have made it. -ENOENT: none is ready. */
int pool_take(Pool *pool, const LinkWire *wire, int *ret_namespace_fd);
