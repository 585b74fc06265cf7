/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Weights by which reserves hold: by hand, and of random siblings as a property. */

#include "check.h"
#include "model/weight.h"

enum { SIBLINGS_MAX = 40, SETS = 20000 };

static uint64_t sum_of(const uint64_t weights[], size_t n) {
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += weights[i];
    return sum;
}

static void test_by_hand(void) {
    const WeightClaim claims[] = { { 150, 150, false }, { 50, 0, false }, { 0, 0, true } };
    uint64_t weights[3];

    weights_find(claims, 2, 0, weights);
    CHECK_EQ(weights[0], 10000);
    CHECK_EQ(weights[1], 3333);
    weights_find(claims, 3, 0, weights); /* the idle one is not for nothing */
    CHECK_EQ(weights[1], 3332);
    CHECK_EQ(weights[2], 0);
    weights_find(claims, 2, 200, weights);
    CHECK_EQ(weights[0], 10000);
    CHECK_EQ(weights[1], 3133);
}

/* There is nothing that the others could do with less of. */
static void test_all_reserved(void) {
    const WeightClaim halves[] = { { 100, 100, false }, { 100, 100, false } };
    const WeightClaim with_nothing[] = { { 200, 200, false }, { 0, 0, false } };
    uint64_t weights[2];

    weights_find(halves, 2, 0, weights);
    CHECK_EQ(weights[0], weights[1]);
    weights_find(with_nothing, 2, 0, weights);
    CHECK_EQ(weights[0], 10000);
    CHECK_EQ(weights[1], 1);
}

static uint64_t below(unsigned *seed, uint64_t bound) {
    return ((uint64_t) rand_r(seed) << 16 ^ rand_r(seed)) % bound;
}

/* What the capacity has left is claimed by one after the other, all or a part of it, or nothing, as a reserve. */
static size_t make_siblings(unsigned *seed, WeightClaim claims[static SIBLINGS_MAX]) {
    uint64_t left = 100 * 1000 * (1 + below(seed, 128));
    size_t n = 2 + below(seed, SIBLINGS_MAX - 1);

    for (size_t i = 0; i + 1 < n; i++) {
        uint64_t entitled = below(seed, left - left / 100);
        claims[i] = (WeightClaim){ .entitled = entitled, .idle = below(seed, 10) == 0 };
        if (claims[i].idle)
            claims[i].entitled = 0;
        else if (below(seed, 2))
            claims[i].reserve = below(seed, 3) ? entitled : below(seed, entitled + 1);
        left -= claims[i].entitled;
    }
    claims[n - 1] = (WeightClaim){ .entitled = left };
    return n;
}

/* Exactly where there is a little that nobody reserves; else each lacks no more than one unit of 10000 for each sibling. */
static void check_reserves(const WeightClaim claims[], const uint64_t weights[], size_t n, uint64_t beside) {
    uint64_t entitled = 0, spare = 0, sum = sum_of(weights, n) + beside;

    for (size_t i = 0; i < n; i++) {
        entitled += claims[i].entitled;
        spare += claims[i].entitled - claims[i].reserve;
        sum += claims[i].idle;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t gets = weights[i] * entitled / sum;
        uint64_t units = spare * 10000 / entitled > 2 * n + beside ? 0 : 2 * n + beside;
        uint64_t at_least = claims[i].reserve - (claims[i].reserve * units + 9999) / 10000;
        CHECK(claims[i].idle ? weights[i] == 0 : weights[i] >= 1 && weights[i] <= 10000);
        if (gets < at_least)
            CHECK_FAIL("of %zu siblings, number %zu reserves %" PRIu64 " of %" PRIu64 " and gets %" PRIu64, n, i,
                    claims[i].reserve, entitled, gets);
    }
}

static void test_random(void) {
    unsigned seed = 1;

    for (unsigned set = 0; set < SETS; set++) {
        WeightClaim claims[SIBLINGS_MAX];
        uint64_t weights[SIBLINGS_MAX], beside = below(&seed, 2) * 200;
        size_t n = make_siblings(&seed, claims);
        weights_find(claims, n, beside, weights);
        check_reserves(claims, weights, n, beside);
    }
}

int main(void) {
    test_by_hand();
    test_all_reserved();
    test_random();
    return 0;
}
