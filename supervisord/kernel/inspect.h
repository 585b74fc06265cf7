/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One group's limits and filters in four words each: what the policy sets, what is written, what is effective, how often it bit. */

#include "kernel/apply.h"

enum { LIMIT_REPORTS = LIMITS_COUNT + FILTERS_COUNT + 1 }; /* the last is of addresses */

typedef struct LimitReport {
    const char *key;
    char set[256];       /* people's words; "" when the policy does not set it */
    char written[256];   /* "" when there is no such file here */
    char effective[320]; /* with the slice's name in front when one above is tighter */
    uint64_t bitten;     /* how often the witness moved; UINT64_MAX: the kernel has none */
} LimitReport;

/* Blocks on kernfs: worker thread. -ENOENT: the policy has no such group. */
int inspect_limits(
        const ApplyTarget *target, const Policy *policy, const char *name, LimitReport ret[static LIMIT_REPORTS]);
