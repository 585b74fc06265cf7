/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * All cups are filled to one level, the highest for which the supply lasts; a level gives each its weight times that much, or
 * what it has room for. Levels are so fine that from one to the next nobody gets more than one unit; those units that are
 * left when the next level would be too much go to the first in order. So the units are given out one by one, in an order
 * in which nobody's place depends on the supply, nor on the weight of others: that is why nothing that grows makes less.
 */

#include "model/share-pour.h"

#include <stdbool.h>

typedef unsigned __int128 Level; /* in units of 2^-fineness */

static uint64_t amount_at(const ShareCup *cup, Level level, unsigned fineness) {
    Level more = (cup->weight * level) >> fineness;
    return more < cup->cap - cup->amount ? cup->amount + more : cup->cap;
}

static bool supply_lasts(const ShareCup cups[], size_t n, uint64_t supply, Level level, unsigned fineness) {
    uint64_t added = 0;

    for (size_t i = 0; i < n && added <= supply; i++)
        added += amount_at(cups + i, level, fineness) - cups[i].amount;
    return added <= supply;
}

/* So fine that the largest weight is at most one unit a level. */
static unsigned fineness_for(const ShareCup cups[], size_t n) {
    uint64_t all = 1;

    for (size_t i = 0; i < n; i++)
        all |= cups[i].weight;
    return 64 - __builtin_clzll(all);
}

/* At the upper bound who has any weight has got the whole supply, or is full. */
static Level highest_level(const ShareCup cups[], size_t n, uint64_t supply, unsigned fineness) {
    Level low = 0, high = (Level) supply << fineness;

    while (low < high) {
        Level middle = high - (high - low) / 2;
        if (supply_lasts(cups, n, supply, middle, fineness))
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

uint64_t share_pour(ShareCup cups[], size_t n, uint64_t supply) {
    unsigned fineness = fineness_for(cups, n);
    Level level = highest_level(cups, n, supply, fineness);
    uint64_t left = supply;

    for (size_t i = 0; i < n; i++)
        left -= amount_at(cups + i, level, fineness) - cups[i].amount;
    for (size_t i = 0; i < n; i++) {
        uint64_t now = amount_at(cups + i, level, fineness), next = amount_at(cups + i, level + 1, fineness);
        cups[i].amount = left > 0 ? next : now;
        left -= cups[i].amount - now;
    }
    return left;
}
