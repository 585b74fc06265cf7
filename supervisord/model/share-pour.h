/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The one step that shares are made of: a supply is poured over siblings, each in proportion to its weight, until it is used up. */

#include <stddef.h>
#include <stdint.h>

#define SHARE_AMOUNT_MAX (UINT64_C(1) << 40) /* supplies, weights and caps are no larger */

typedef struct ShareCup {
    uint64_t amount; /* what it has; no more than cap */
    uint64_t cap;    /* what it can have at most */
    uint64_t weight; /* 0: it gets nothing */
} ShareCup;

/*
 * Raises amounts. The sum of what is added is the supply, or what there is room for where there is a weight, if that is
 * less; returns what is left. Cups with room have got in proportion to weight, to within one unit. Nobody gets less because
 * its weight or the supply is larger, or more because another's weight is.
 */
uint64_t share_pour(ShareCup cups[], size_t n, uint64_t supply);
