/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The one step that shares are made of, for all inputs that are small: up to three siblings with each weight, cap and supply,
 * and some of four. What holds of numbers near the bounds is said by hand.
 */

#include "model/share-pour.h"

#include "base/cleanup.h"
#include "tests/unit/check.h"

enum { CUPS_MAX = 4, VALUES = 4, SUPPLY_MAX = 10 };

typedef struct Pour {
    ShareCup cups[CUPS_MAX];
    size_t n;
    uint64_t left;
} Pour;

static Pour poured(const Pour *before, uint64_t supply) {
    Pour pour = *before;

    pour.left = share_pour(pour.cups, pour.n, supply);
    return pour;
}

/* Units are given out one by one, each to whom it is due next: nobody has one that was another's before. */
static void check_weights(const Pour *pour) {
    for (size_t i = 0; i < pour->n; i++)
        for (size_t j = 0; j < pour->n; j++) {
            const ShareCup *a = pour->cups + i, *b = pour->cups + j;
            if (a->weight > 0 && b->weight > 0 && a->amount < a->cap)
                CHECK(b->amount * a->weight <= (a->amount + 1) * b->weight);
        }
}

static void check_sum(const Pour *pour, uint64_t supply) {
    uint64_t sum = 0, room = 0;

    for (size_t i = 0; i < pour->n; i++) {
        CHECK(pour->cups[i].amount <= pour->cups[i].cap);
        CHECK(pour->cups[i].weight > 0 || pour->cups[i].amount == 0);
        sum += pour->cups[i].amount;
        room += pour->cups[i].weight > 0 ? pour->cups[i].cap : 0;
    }
    CHECK_EQ(sum, supply < room ? supply : room);
    CHECK_EQ(pour->left, supply - sum);
}

/* More supply is less for nobody; more weight is not less for oneself, nor more for others. */
static void check_monotone(const Pour *empty, const Pour *pour, uint64_t supply) {
    Pour more = poured(empty, supply + 1);

    for (size_t i = 0; i < pour->n; i++)
        CHECK(more.cups[i].amount >= pour->cups[i].amount);
    for (size_t i = 0; i < pour->n; i++) {
        Pour heavier = *empty;
        heavier.cups[i].weight++;
        heavier = poured(&heavier, supply);
        for (size_t j = 0; j < pour->n; j++)
            CHECK(i == j ? heavier.cups[j].amount >= pour->cups[j].amount
                         : heavier.cups[j].amount <= pour->cups[j].amount);
    }
}

/* What is in the cups before is no matter but of their room. */
static void check_base(const Pour *empty, const Pour *pour, uint64_t supply) {
    Pour based = *empty;

    for (size_t i = 0; i < based.n; i++) {
        based.cups[i].amount = i + 1;
        based.cups[i].cap += i + 1;
    }
    based = poured(&based, supply);
    for (size_t i = 0; i < based.n; i++)
        CHECK_EQ(based.cups[i].amount, pour->cups[i].amount + i + 1);
}

static void check_pours(const Pour *empty) {
    for (uint64_t supply = 0; supply <= SUPPLY_MAX; supply++) {
        Pour pour = poured(empty, supply);

        check_sum(&pour, supply);
        check_weights(&pour);
        check_monotone(empty, &pour, supply);
        check_base(empty, &pour, supply);
    }
}

static void add_cup(const Pour *before, size_t n) {
    Pour pour = *before;

    if (pour.n == n) {
        check_pours(&pour);
        return;
    }
    ShareCup *cup = pour.cups + pour.n++;
    for (cup->weight = 0; cup->weight < VALUES; cup->weight += pour.n == CUPS_MAX ? 2 : 1)
        for (cup->cap = 0; cup->cap < VALUES; cup->cap += pour.n == CUPS_MAX ? 2 : 1)
            add_cup(&pour, n);
}

static void test_large(void) {
    ShareCup cups[] = { { .cap = SHARE_AMOUNT_MAX, .weight = SHARE_AMOUNT_MAX },
        { .cap = SHARE_AMOUNT_MAX, .weight = 1 }, { .cap = SHARE_AMOUNT_MAX - 1, .weight = SHARE_AMOUNT_MAX } };

    CHECK_EQ(share_pour(cups, ELEMENTSOF(cups), SHARE_AMOUNT_MAX), 0);
    CHECK_EQ(cups[0].amount, SHARE_AMOUNT_MAX / 2);
    CHECK_EQ(cups[1].amount + cups[2].amount, SHARE_AMOUNT_MAX / 2);
    CHECK(cups[1].amount <= 1);

    ShareCup light[] = { { .cap = SHARE_AMOUNT_MAX, .weight = 1 }, { .cap = 1, .weight = SHARE_AMOUNT_MAX } };
    CHECK_EQ(share_pour(light, ELEMENTSOF(light), SHARE_AMOUNT_MAX), 0);
    CHECK_EQ(light[0].amount, SHARE_AMOUNT_MAX - 1);
}

int main(void) {
    for (size_t n = 0; n <= CUPS_MAX; n++)
        add_cup(&(Pour){ 0 }, n);
    test_large();
    return 0;
}
