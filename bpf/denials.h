/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How often filters have said no. The meters' maps.bpf.c makes it, filters are given it. */

#include "filter.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct filter_denials);
} filter_denials SEC(".maps");
