/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The keys of a policy, as they come out of it, are worth what people expect of them. */

#include "model/share-policy.h"

#include "base/cleanup.h"
#include "model/policy/load.h"
#include "tests/unit/check.h"

enum { WINDOW = 1000, GROUPS_OF_TEST_MAX = 8 };

#define FILES                                                          \
    "[workload:web]\nSlice=shop\nExecStart=/bin/web\nCPUWeight=300\n"  \
    "[workload:cart]\nSlice=shop\nExecStart=/bin/cart\n"               \
    "[workload:gone]\nSlice=old\nExecStart=/bin/gone\nState=stopped\n" \
    "[workload:batch]\nExecStart=/bin/batch\nCPUWeight=idle\n"         \
    "[slice:shop]\nCPUQuota=150%\nAllowedCPUs=0-1\n"                   \
    "[slice:old]\n"

static const HostFacts facts = { .scale = { .memory_total_bytes = UINT64_C(1) << 30, .page_bytes = 4096 },
    .name = "node" };

static Policy *parse(const char *text) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    _cleanup_(sources_done) Sources files = {}, transient = {};
    Policy *policy = NULL;

    CHECK_EQ(sources_put(&files, SOURCE_FILE, "files", text), 0);
    CHECK_EQ(policy_parse(&files, &transient, NULL, &facts, &diagnostics, &policy), 0);
    return policy;
}

static void check_entitled(const Policy *policy, const bool runs[], const char *name, uint64_t expected) {
    _cleanup_(share_tree_done) ShareTree tree = { 0 };
    uint64_t amounts[GROUPS_OF_TEST_MAX + 1];
    CpuSet cpus;

    CHECK_EQ(cpu_set_parse("0-3", &cpus), 0);
    CHECK_EQ(share_tree_make(policy, runs, WINDOW, &tree), 0);
    CHECK(tree.n <= GROUPS_OF_TEST_MAX);
    CHECK(!tree.groups[0]);
    CHECK_EQ(share_entitle(tree.nodes, tree.n, &(ShareHost){ &cpus, WINDOW }, amounts), 0);
    for (size_t i = 1; i < tree.n; i++)
        if (strcmp(tree.groups[i]->name, name) == 0) {
            CHECK_EQ(amounts[i], expected);
            return;
        }
    CHECK_EQ(expected, 0); /* it does not run */
}

static void test_wanted(void) {
    _cleanup_(cleanup_policy_unref) Policy *policy = parse(FILES);

    check_entitled(policy, NULL, "shop", 1500);
    check_entitled(policy, NULL, "web", 1125);
    check_entitled(policy, NULL, "cart", 375);
    check_entitled(policy, NULL, "batch", 2500);
    check_entitled(policy, NULL, "gone", 0);
    check_entitled(policy, NULL, "old", 0);
}

static void test_running(void) {
    _cleanup_(cleanup_policy_unref) Policy *policy = parse(FILES);
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
