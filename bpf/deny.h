/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What each filter program has. It needs nothing else of ours: where there is no shared map of denials, it only does not count. */

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include "denials.h"

enum {
    DENY = 0,
    ALLOW = 1,
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_RDONLY_PROG);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct filter_identity);
} identity SEC(".maps");

static __always_inline int deny(FilterId filter) {
    struct filter_identity *self;
    struct filter_denials *denials;
    __u32 zero = 0;

    self = bpf_map_lookup_elem(&identity, &zero);
    if (!self)
        return DENY;
    denials = bpf_map_lookup_elem(&filter_denials, &self->slot);
    if (denials)
        __sync_fetch_and_add(&denials->count[filter], 1);
    return DENY;
}

char program_license[] SEC("license") = "GPL";
