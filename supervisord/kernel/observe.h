/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Reading back what holds: cgroup directories with our mark, their limits, filters and leaves, our bridges, the policy's devices. */

#include "kernel/network.h"
#include "kernel/programs.h"
#include "kernel/tree.h"
#include "model/node.h"
#include "model/policy.h"

/*
 * programs: whose filters count, NULL for no eBPF meters.
 * only: look at this object and the slices above it alone (a start should not cost a walk of everything); NULL: all.
 * Directories without our mark are passed over and never touched. Blocks on kernfs: worker thread.
 */
int observe(
        const Tree *tree, Links *links, const Programs *programs, const Policy *policy, const char *only, Node *ret);
/*
 * Only who is there: groups with their marks and leaves, nothing of what holds of them, nor whether a leaf is populated.
 * Each is shown once, slices before what is in them, with its open directory; good until the visit returns. A visit that
 * returns something else than 0 ends it.
 */
typedef int GroupVisit(void *userdata, const Node *node, const NodeGroup *group, int dir_fd);
int observe_presence(const Tree *tree, GroupVisit *visit, void *userdata, Node *ret);
/* Only the tree and what is above it. */
int observe_above(const Tree *tree, Node *node);
