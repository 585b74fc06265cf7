/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * All cups are filled to one level, the highest for which the supply lasts; a level gives each its weight times that much, or
 * what it has room for. Levels are so fine that from one to the next nobody gets more than one unit; those units that are
 * left when the next level would be too much go to the first in order. So the units are given out one by one, in an order
 * in which nobody's place depends on the supply, nor on the weight of others: that is why nothing that grows makes less.
 */

#include "model/share-pour.h"

#include <stdbool.h>

enum { FINENESS = 40 }; /* so many bits: the largest weight is one unit a level */

_Static_assert(SHARE_AMOUNT_MAX >> FINENESS == 1, "nobody gets more than one unit from one level to the next");

typedef unsigned __int128 Level; /* in units of 2^-FINENESS; with an amount as factor, too, three times 40 bits */

static uint64_t amount_at(const ShareCup *cup, Level level) {
    Level more = (cup->weight * level) >> FINENESS;
    return more < cup->cap - cup->amount ? cup->amount + more : cup->cap;
}

static bool supply_lasts(const ShareCup cups[], size_t n, uint64_t supply, Level level) {
    uint64_t added = 0;

    for (size_t i = 0; i < n && added <= supply; i++)
        added += amount_at(cups + i, level) - cups[i].amount;
    return added <= supply;
}

/* At the upper bound who has any weight has got the whole supply, or is full. */
static Level highest_level(const ShareCup cups[], size_t n, uint64_t supply) {
    Level low = 0, high = (Level) supply << FINENESS;

    while (low < high) {
        Level middle = high - (high - low) / 2;
        if (supply_lasts(cups, n, supply, middle))
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

uint64_t share_pour(ShareCup cups[], size_t n, uint64_t supply) {
    Level level = highest_level(cups, n, supply);
    uint64_t left = supply;

    for (size_t i = 0; i < n; i++)
        left -= amount_at(cups + i, level) - cups[i].amount;
    for (size_t i = 0; i < n; i++) {
        uint64_t now = amount_at(cups + i, level), next = amount_at(cups + i, level + 1);
        cups[i].amount = left > 0 ? next : now;
        left -= cups[i].amount - now;
    }
    return left;
}
