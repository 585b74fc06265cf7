/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A relay: the program supervisord-relay, which stands between one start and where its output is kept, because there is a
 * limit on how much may go there (relay/main.c). It ends when nobody can write to it any more.
 */

#include <sys/types.h>

#include "model/policy.h"

/* On the node at one time. One outlives its start only where the workload gave the pipe to others: this is for them. */
enum { RELAYS_MAX = 4096 };

typedef struct RelaySpec {
    const char *name; /* of the workload */
    LogRate rate;
    uid_t uid; /* of the workload */
    gid_t gid;
    int tree_fd;      /* in whose leaf RELAY_LEAF it lives */
    int out_fd;       /* where the lines are kept */
    unsigned at_most; /* relays, with this one */
} RelaySpec;

/* *ret_fd: to be written to. On failure *ret_message is a sentence for people, owned by the caller. */
int relay_start(const RelaySpec *spec, int *ret_fd, char **ret_message);
