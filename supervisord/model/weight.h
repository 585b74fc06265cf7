/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Weight: cgroup v2 has no reserve of CPU time, only weights. Those of siblings are chosen so that each has what it reserves
 * even when all want everything; then nobody has to see to it afterwards. When some want less, the others get more.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One of siblings; both amounts in any unit, the same for all. */
typedef struct WeightClaim {
    uint64_t entitled; /* what it is to get when all want everything */
    uint64_t reserve;  /* what it must get */
    bool idle;         /* it has no weight */
} WeightClaim;

/*
 * In proportion to what they are entitled to, from 1 to 10000. The weight of each, divided by all weights and `beside`
 * (those of others in the same place), is no less than its reserve divided by what all are entitled to. Only where next to
 * nothing is left unreserved it may lack one part in 10000 for each sibling, and `beside` parts. Idle: 0.
 */
void weights_find(const WeightClaim claims[], size_t n, uint64_t beside, uint64_t ret[]);
