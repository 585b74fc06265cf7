/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The tree: the one cgroup below which everything of ours lives. With systemd as PID 1 it is the delegated cgroup of the
 * keeper's unit; PID 1 is asked where that is and for the tree's own share. Without systemd it is a directory below the
 * cgroup2 mount.
 */

#include <stdbool.h>
#include <stdint.h>

#include "model/knob.h"

typedef struct Tree {
    int fd;      /* the tree's directory */
    char *path;  /* absolute */
    char *mount; /* of cgroup2: "/sys/fs/cgroup", "/sys/fs/cgroup/unified" */
    char *unit;  /* systemd unit, NULL without one */
    char *slice; /* the unit's slice, when that is our own and not one that others share; NULL */
} Tree;

#define TREE_NULL \
    { .fd = -1 }

/* Where cgroup2 is mounted, from /proc/self/mountinfo; -ENODEV when nowhere. Owned by the caller. */
int tree_find_mount(char **ret_mount);
bool tree_is_read_only(const char *path); /* the file system that it is on */
/* By unit: starts it when it does not run yet. -ENOENT when PID 1 has no such unit. *ret_message: words, owned. */
int tree_open_unit(Tree *tree, const char *unit, char **ret_message);
/* By directory, absolute or below the mount; created, and controllers enabled on the way down to it as far as they are there. */
int tree_open_path(Tree *tree, const char *path, char **ret_message);
void tree_done(Tree *tree);
/*
 * How marks and what is in the runtime directory are to be read: a newer schema is one that daemons of this version would
 * misread. Noted on the tree itself before anything is written so.
 */
enum { TREE_SCHEMA = 1 };
unsigned tree_schema(const Tree *tree); /* 0: not noted */
int tree_schema_note(const Tree *tree);
/* False once somebody has removed it: PID 1 does so when its unit has failed and nothing is left in it. */
bool tree_exists(const Tree *tree);
/* False when its unit has failed: somebody killed the keeper, and only what is in the tree keeps it. True without a unit. */
bool tree_is_kept(const Tree *tree);

/*
 * What the tree has of the rest of the node by this limit (of LIMIT_OWNERS_GROUPS_AND_TREE), until the next start of the
 * machine, or until the value is not set: asked of PID 1, and written only where there is none. Weights go to the outermost cgroup that is ours, reserves
 * to it and the tree. -ETIMEDOUT: PID 1 took it, and it does not hold.
 */
int tree_share_set(const Tree *tree, const Limit *limit, const LimitValue *value);
/* By LimitId: what was given in this way and not taken back. */
uint32_t tree_shares_given(const Tree *tree);
