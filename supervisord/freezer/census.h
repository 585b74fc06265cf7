/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Census: who is in the tree, by what the daemon has written on the directories; kept up as the kernel tells of changes. With
 * it come the descriptors by which usage is read and leaves are made to stand.
 */

#include "model/duty.h"

/* The processes of a start or a session. */
typedef struct Leaf {
    uint64_t id; /* of the directory */
    int dir_fd;
    uint64_t since_usec; /* that we know it */
    bool stands;         /* made to, by us */
    bool is_found;
} Leaf;

/* A slice or a workload; the first is the tree. */
typedef struct Member {
    uint64_t id;                      /* of the directory */
    int dir_fd, stat_fd, pressure_fd; /* of a slice: the directory's only; pressure: -1 where the kernel has none */
    int watch;                        /* inotify's; -1: the kernel does not tell */
    bool is_stale, is_found;
    bool is_ending; /* some of it was asked to end, and is let */
    Leaf *leaves;
    size_t n_leaves, n_leaves_allocated;
    uint64_t usage_usec, wait_usec; /* as they were read last */
} Member;

typedef struct Census {
    int inotify_fd; /* readable when there is something to be taken note of */
    Member *members;
    Duty *duties; /* of the same groups */
    size_t n, n_members_allocated, n_duties_allocated;
    uint64_t now_usec;        /* of the last update */
    bool is_blind;            /* the kernel does not tell of all changes */
    uint64_t next_blind_usec; /* when to look for those */
} Census;

int census_open(int tree_fd, Census *ret); /* takes tree_fd; -errno */
void census_close(Census *census);         /* whoever stands goes on */
/* Takes note of what has changed; 1: the kernel says that something has. -ENODEV: the tree is gone; -ENOMEM. */
int census_update(Census *census, uint64_t now_usec);
/* Reads what each workload has used and waited since the last time; false: nobody has done either. */
bool census_measure(Census *census, uint64_t elapsed_usec);
bool census_has_leaves(const Census *census);    /* somebody was started, and may run */
bool census_has_processes(const Census *census); /* somebody runs */
/* Makes leaves stand, or lets them go on, as the duties say; those just made are let. */
void census_enforce(Census *census);
