/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether the CPUs that each may run on are enough for what all are to get together. */

#include "base/cpu-set.h"
#include "model/share-flow.h"

typedef struct ShareCpus {
    uint64_t *must; /* of each group: what it gets beyond what those in it have of their own right */
    uint64_t *may;  /* what else can come to it out of its parent's */
    bool *apart;    /* some group in it has not all of its CPUs */
    size_t n;
    ShareFlow flow;
    size_t *must_edges, *may_edges, *vertices; /* of each group; vertices: 0 where it does not matter */
} ShareCpus;

/* Parents come before children; cpus are those that each may run on, never more than its parent. -ENOMEM */
int share_cpus_make(const size_t parents[], const CpuSet cpus[], size_t n, uint64_t window_usec, ShareCpus *ret);
void share_cpus_done(ShareCpus *cpus);

/* How much of what they must get they cannot get together. */
uint64_t share_cpus_lack(ShareCpus *cpus);
/* Then: whether it is among those of whose amounts that much has to be taken. */
bool share_cpus_is_short(const ShareCpus *cpus, size_t group);
