/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The keys of a policy, as they come out of it, are worth what people expect of them. */

#include "model/share-policy.h"

#include "tests/unit/policy-text.h"

enum { WINDOW = 1000, GROUPS_OF_TEST_MAX = 8 };

#define FILES                                                          \
    "[workload:web]\nSlice=shop\nExecStart=/bin/web\nCPUWeight=300\n"  \
    "[workload:cart]\nSlice=shop\nExecStart=/bin/cart\n"               \
    "[workload:gone]\nSlice=old\nExecStart=/bin/gone\nState=stopped\n" \
    "[workload:batch]\nExecStart=/bin/batch\nCPUWeight=idle\n"         \
    "[slice:shop]\nCPUQuota=150%\nAllowedCPUs=0-1\n"                   \
    "[slice:old]\n"

static void check_entitled(const Policy *policy, const bool runs[], const char *name, uint64_t expected) {
    uint64_t entitled[GROUPS_OF_TEST_MAX];
    CpuSet cpus;

    CHECK(policy->n_groups <= GROUPS_OF_TEST_MAX);
    CHECK_EQ(cpu_set_parse("0-3", &cpus), 0);
    CHECK_EQ(share_entitle_groups(policy, runs, &(ShareHost){ &cpus, WINDOW }, entitled), 0);
    CHECK_EQ(entitled[policy_group(policy, name)->index], expected);
}

static void test_wanted(void) {
    _cleanup_(cleanup_policy_unref) Policy *policy = policy_of_text(FILES);

    check_entitled(policy, NULL, "shop", 1500);
    check_entitled(policy, NULL, "web", 1125);
    check_entitled(policy, NULL, "cart", 375);
    check_entitled(policy, NULL, "batch", 2500);
    check_entitled(policy, NULL, "gone", 0);
    check_entitled(policy, NULL, "old", 0);
}

static void test_running(void) {
    _cleanup_(cleanup_policy_unref) Policy *policy = policy_of_text(FILES);
    bool runs[GROUPS_OF_TEST_MAX] = { 0 };

    check_entitled(policy, runs, "shop", 0);
    runs[policy_group(policy, "cart")->index] = runs[policy_group(policy, "gone")->index] = true;
    check_entitled(policy, runs, "shop", 1500);
    check_entitled(policy, runs, "cart", 1500);
    check_entitled(policy, runs, "web", 0);
    check_entitled(policy, runs, "old", 2500);
    check_entitled(policy, runs, "gone", 2500);
}

int main(void) {
    test_wanted();
    test_running();
    return 0;
}
