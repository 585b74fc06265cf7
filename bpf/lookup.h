/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * From a cgroup to its slot. A cgroup that the daemon did not bind may be one that a workload made below its own leaf:
 * then the nearest bound ancestor counts. Cgroups outside of our tree are told apart before any ancestor is tried.
 */

#include "maps.h"

static __always_inline __u64 cgroup_id(struct cgroup *cgroup) {
    return BPF_CORE_READ(cgroup, kn, id);
}

static __always_inline __u64 ancestor_id(struct cgroup *cgroup, int level) {
    const char *ancestors = (const char *) &cgroup->ancestors;
    struct cgroup *ancestor = NULL;

    bpf_probe_read_kernel(&ancestor, sizeof(ancestor), ancestors + level * sizeof(ancestor));
    return ancestor ? cgroup_id(ancestor) : 0;
}

static __always_inline struct cgroup_slot *nested_slot(struct cgroup *cgroup) {
    struct abi *a;
    __u32 zero = 0;
    int level;

    cgroup = BPF_CORE_READ(cgroup, self.cgroup); /* itself, but as a number that the verifier lets us calculate with */
    level = BPF_CORE_READ(cgroup, level);
    a = bpf_map_lookup_elem(&abi, &zero);
    if (!a || !a->tree_id || level <= (int) a->tree_level || ancestor_id(cgroup, a->tree_level) != a->tree_id)
        return NULL;

    for (int i = 1; i <= NESTING_MAX; i++) {
        struct cgroup_slot *found;
        __u64 id;

        if (level - i <= (int) a->tree_level)
            return NULL;
        id = ancestor_id(cgroup, level - i);
        found = bpf_map_lookup_elem(&cgroup_slots, &id);
        if (found)
            return found;
    }
    return NULL;
}

static __always_inline struct cgroup_slot *slot_of_cgroup_id(__u64 id) {
    return bpf_map_lookup_elem(&cgroup_slots, &id);
}

/* `cgroup` must be a pointer that the verifier trusts, for cgroup storage. */
static __always_inline struct cgroup_slot *slot_of_cgroup(struct cgroup *cgroup) {
    struct cgroup_slot *found;

    found = knobs.cgroup_storage ? bpf_cgrp_storage_get(&cgroup_storage, cgroup, NULL, 0)
                                 : slot_of_cgroup_id(cgroup->kn->id);
    return found ?: nested_slot(cgroup);
}

static __always_inline struct slot *counters_of(struct cgroup_slot *found) {
    return bpf_map_lookup_elem(&slots, &found->slot);
}

/* The histogram's bucket: the number of bits of nsec / 1024, at most the last one. */
static __always_inline __u32 bucket_of(__u64 nsec) {
    __u32 units, bucket, shift;

    if (nsec >= (__u64) HISTOGRAM_UNIT_NSEC << (HISTOGRAM_BUCKETS - 2))
        return HISTOGRAM_BUCKETS - 1;

    units = nsec / HISTOGRAM_UNIT_NSEC;
    if (!units)
        return 0;
    bucket = (units > 0xffff) << 4;
    units >>= bucket;
    shift = (units > 0xff) << 3;
    units >>= shift;
    bucket |= shift;
    shift = (units > 0xf) << 2;
    units >>= shift;
    bucket |= shift;
    shift = (units > 0x3) << 1;
    units >>= shift;
    bucket |= shift;
    return (bucket | units >> 1) + 1;
}

static __always_inline void count_in(__u64 *histogram, __u64 nsec) {
    __u32 bucket = bucket_of(nsec);

    asm volatile("" : "+r"(bucket)); /* the compiler knows that the check is not needed, old verifiers do not */
    if (bucket < HISTOGRAM_BUCKETS)
        histogram[bucket]++;
}
