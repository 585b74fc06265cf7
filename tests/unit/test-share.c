/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What shares promise for trees that are said by hand; tests/golden/share has more, and test-share-rules.c all small ones. */

#include "model/share.h"

#include <errno.h>

#include "base/cleanup.h"
#include "model/limit.h"
#include "model/share-pour.h"
#include "tests/unit/check.h"

enum { WINDOW = 1000, GROUPS = 1000 };

static CpuSet cpus_of(const char *text) {
    CpuSet set;

    CHECK_EQ(cpu_set_parse(text, &set), 0);
    return set;
}

static void test_pour(void) {
    ShareCup cups[] = { { .cap = 100, .weight = 3 }, { .cap = 100, .weight = 1 }, { .cap = 100 } };

    CHECK_EQ(share_pour(cups, 3, 41), 0);
    CHECK_EQ(cups[0].amount, 31);
    CHECK_EQ(cups[1].amount, 10);
    CHECK_EQ(cups[2].amount, 0);
    CHECK_EQ(share_pour(cups, 3, 1000), 1000 - 69 - 90);
    CHECK_EQ(cups[1].amount, 100);
}

/* The rest of a division is given out too, one by one. */
static void test_many(void) {
    static ShareNode nodes[GROUPS + 1] = { { .quota = SHARE_QUOTA_NONE } };
    static uint64_t amounts[GROUPS + 1];
    CpuSet cpus = cpus_of("0-6");
    uint64_t sum = 0;

    for (size_t i = 1; i <= GROUPS; i++)
        nodes[i] = (ShareNode){ .weight = 100, .quota = SHARE_QUOTA_NONE, .demand = i % 3 ? SHARE_DEMAND_ALL : 0 };
    CHECK_EQ(share_allocate(nodes, GROUPS + 1, &(ShareHost){ &cpus, WINDOW }, amounts), 0);
    for (size_t i = 1; i <= GROUPS; i++) {
        CHECK(i % 3 == 0 ? amounts[i] == 0 : amounts[i] == 10 || amounts[i] == 11);
        sum += amounts[i];
    }
    CHECK_EQ(amounts[0], 7 * WINDOW);
    CHECK_EQ(sum, 7 * WINDOW);
    CHECK_EQ(share_entitle(nodes, GROUPS + 1, &(ShareHost){ &cpus, WINDOW }, amounts), 0);
    CHECK_EQ(amounts[3], 7);
}

static void test_refused(void) {
    CpuSet cpus = cpus_of("0");
    ShareNode nodes[] = { { .quota = SHARE_QUOTA_NONE }, { .weight = 100 } };
    ShareHost host = { &cpus, WINDOW };
    uint64_t amounts[] = { 7, 7 };

    CHECK_EQ(share_allocate(nodes, 0, &host, amounts), -EINVAL);
    CHECK_EQ(share_allocate(nodes, SHARE_NODES_MAX + 1, &host, amounts), -E2BIG);
    CHECK_EQ(share_allocate(nodes, 2, &(ShareHost){ &cpus, UINT64_MAX }, amounts), -E2BIG);
    nodes[1].parent = 1;
    CHECK_EQ(share_allocate(nodes, 2, &host, amounts), -EINVAL);
    nodes[1] = (ShareNode){ .weight = 10001 };
    CHECK_EQ(share_allocate(nodes, 2, &host, amounts), -EINVAL);
    CHECK_EQ(amounts[0], 7);
    CHECK_EQ(amounts[1], 7);
}

static void check_account(uint64_t entitled, uint64_t used, uint64_t demand, ShareAccount expected) {
    ShareAccount account = share_account(entitled, used, demand);

    CHECK_EQ(account.lent, expected.lent);
    CHECK_EQ(account.borrowed, expected.borrowed);
    CHECK_EQ(account.denied, expected.denied);
    CHECK_EQ(account.borrowed + entitled, used + account.lent + account.denied);
}

static void test_account(void) {
    check_account(100, 100, 100, (ShareAccount){ 0 });
    check_account(100, 30, 30, (ShareAccount){ .lent = 70 });
    check_account(100, 30, 50, (ShareAccount){ .lent = 50, .denied = 20 });
    check_account(100, 30, SHARE_DEMAND_ALL, (ShareAccount){ .denied = 70 });
    check_account(100, 150, 200, (ShareAccount){ .borrowed = 50 });
    check_account(100, 30, 0, (ShareAccount){ .lent = 70 }); /* a demand that was measured too low */
    check_account(0, 30, 40, (ShareAccount){ .borrowed = 30 });
}

/* What is borrowed, and what nobody uses, is what others lend or are denied. */
static void test_window(void) {
    ShareNode nodes[] = {
        { .quota = SHARE_QUOTA_NONE },
        { .weight = 100, .reserve = 1000, .quota = SHARE_QUOTA_NONE },
        { .weight = 100, .quota = SHARE_QUOTA_NONE },
        { .weight = 200, .quota = 800 },
    };
    const uint64_t used[] = { 0, 300, 900, 700 }, demand[] = { 0, 350, 2000, 800 };
    CpuSet cpus = cpus_of("0-1");
    uint64_t entitled[4], borrowed = 0, lent = 0, denied = 0, idle = 2 * WINDOW;

    CHECK_EQ(share_entitle(nodes, 4, &(ShareHost){ &cpus, WINDOW }, entitled), 0);
    for (size_t i = 1; i < 4; i++) {
        ShareAccount account = share_account(entitled[i], used[i], demand[i]);
        borrowed += account.borrowed;
        lent += account.lent;
        denied += account.denied;
        idle -= used[i];
    }
    CHECK_EQ(borrowed + idle, lent + denied);
    CHECK_EQ(borrowed, 900 - 250 + 700 - 500);
}

int main(void) {
    test_pour();
    test_many();
    test_refused();
    test_account();
    test_window();
    return 0;
}
