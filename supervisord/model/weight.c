/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The largest claim has the largest weight, which leaves the finest steps. What reserves is rounded up, the rest down; what
 * is then too much is taken from those who have most above what they reserve.
 */

#include "model/weight.h"

enum {
    WEIGHT_MAX = 10000,
    IDLE_WEIGHT = 1, /* what the kernel gives an idle group is less */
};

/* The weights of all together when the largest claim has the largest weight. */
static uint64_t total_weight(const WeightClaim claims[], size_t n, uint64_t *ret_entitled) {
    uint64_t sum = 0, largest = 1;

    for (size_t i = 0; i < n; i++) {
        sum += claims[i].entitled;
        if (claims[i].entitled > largest)
            largest = claims[i].entitled;
    }
    *ret_entitled = sum > 0 ? sum : 1;
    return (unsigned __int128) *ret_entitled * WEIGHT_MAX / largest;
}

/* No less than this. */
static uint64_t least_weight(const WeightClaim *claim, uint64_t total, uint64_t entitled) {
    uint64_t reserve = claim->reserve < claim->entitled ? claim->reserve : claim->entitled;
    uint64_t weight = ((unsigned __int128) reserve * total + entitled - 1) / entitled;

    return weight > 0 ? weight : 1;
}

/* Half of what the one with most to spare has to spare; 0: nobody has any. */
static uint64_t take_some(
        const WeightClaim claims[], size_t n, uint64_t total, uint64_t entitled, uint64_t at_most, uint64_t weights[]) {
    uint64_t most = 0, whose = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t spare = claims[i].idle ? 0 : weights[i] - least_weight(&claims[i], total, entitled);
        if (spare > most) {
            most = spare;
            whose = i;
        }
    }
    uint64_t taken = most / 2 + most % 2 < at_most ? most / 2 + most % 2 : at_most;
    weights[whose] -= taken;
    return taken;
}

void weights_find(const WeightClaim claims[], size_t n, uint64_t beside, uint64_t ret[]) {
    uint64_t entitled, total = total_weight(claims, n, &entitled), sum = beside;

    for (size_t i = 0; i < n; i++) {
        uint64_t least = least_weight(&claims[i], total, entitled);
        uint64_t weight = (unsigned __int128) claims[i].entitled * total / entitled;
        ret[i] = claims[i].idle ? 0 : weight > least ? weight : least;
        sum += claims[i].idle ? IDLE_WEIGHT : ret[i];
    }
    for (uint64_t taken = 1; sum > total && taken > 0; sum -= taken)
        taken = take_some(claims, n, total, entitled, sum - total, ret);
}
