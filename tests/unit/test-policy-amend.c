/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Amendments: a policy of which one workload is parsed anew is the one that all sources give, or there is none. */

#include <errno.h>
#include <string.h>

#include "model/policy/amend.h"
#include "model/policy/load.h"
#include "unit/check.h"

#define FILES                              \
    "# a continued line is no section\n"   \
    "[workload:web]\nSlice=inner\n"        \
    "ExecStart=/bin/web \\\n"              \
    "  # with a comment in it\n"           \
    "[workload:none] \\\\\n"               \
    "[slice:inner]\nSlice=outer\nNice=3\n" \
    "  [workload:batch]\n"                 \
    "ExecStart=/bin/batch\n"               \
    "[slice:outer]\nUser=nobody\n"         \
    "[network:lan]\nBridge=lan0\nSubnet=10.0.0.1/24\n"

static const HostFacts facts = { .scale = { .memory_total_bytes = UINT64_C(1) << 30, .page_bytes = 4096, .cpus = 2 },
    .name = "node" };

static void put(Sources *sources, const char *path, const char *text) {
    CHECK_EQ(sources_put(sources, strcmp(path, "files") == 0 ? SOURCE_FILE : SOURCE_TRANSIENT, path, text), 0);
}

static Policy *parse(const Sources *files, const Sources *transient) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    Policy *policy = NULL;

    CHECK_EQ(policy_parse(files, transient, NULL, &facts, &diagnostics, &policy), 0);
    return policy;
}

/* Replaces the policy; -EXDEV: it stays. */
static int amend(Policy **policy, const Sources *files, const Sources *transient, const char *name) {
    _cleanup_(sources_done) Sources narrow_files = {}, narrow_transient = {};
    Policy *amended;

    CHECK_EQ(sources_narrow(files, name, &narrow_files), 0);
    CHECK_EQ(sources_narrow(transient, name, &narrow_transient), 0);
    _cleanup_(cleanup_policy_unref) Policy *narrow = parse(&narrow_files, &narrow_transient);
    for (size_t i = 0; i < narrow->n_groups; i++)
        CHECK(!narrow->groups[i]->workload || strcmp(narrow->groups[i]->name, name) == 0);
    int r = policy_amend(*policy, name, narrow, &amended);
    if (r < 0)
        return r;
    policy_unref(*policy);
    *policy = amended;
    return 0;
}

static void check_workloads(const Workload *workload, const Workload *expected) {
    CHECK_EQ(workload->life.running, expected->life.running);
    CHECK_EQ(workload->transient, expected->transient);
    CHECK_EQ(workload->recipe, expected->recipe);
    CHECK_EQ(workload->exec.nice, expected->exec.nice);
    CHECK_STREQ(workload->exec.user ?: "", expected->exec.user ?: "");
    for (size_t i = 0; expected->exec.arguments[i]; i++)
        CHECK_STREQ(workload->exec.arguments[i], expected->exec.arguments[i]);
}

static void check_groups(const Policy *policy, const Group *group, const Group *expected) {
    CHECK_STREQ(group->name, expected->name);
    CHECK_EQ(group->index, expected->index);
    CHECK_EQ(group->frozen, expected->frozen);
    CHECK_EQ(group->limits[LIMIT_CPU_RESERVE].weight, expected->limits[LIMIT_CPU_RESERVE].weight);
    CHECK_STREQ(group->origin.file, expected->origin.file);
    CHECK_EQ(group->origin.line, expected->origin.line);
    CHECK(policy_group(policy, group->name) == group);
    CHECK_STREQ(group->parent ? group->parent->name : "", expected->parent ? expected->parent->name : "");
    CHECK(!group->parent || group->parent == policy_group(policy, group->parent->name));
    CHECK_EQ(!group->workload, !expected->workload);
    if (group->workload)
        check_workloads(group->workload, expected->workload);
}

static void check_as_parsed(const Policy *policy, const Sources *files, const Sources *transient) {
    _cleanup_(cleanup_policy_unref) Policy *expected = parse(files, transient);

    CHECK_EQ(policy->n_groups, expected->n_groups);
    CHECK_EQ(policy->n_networks, expected->n_networks);
    for (size_t i = 0; i < policy->n_groups && i < expected->n_groups; i++)
        check_groups(policy, policy->groups[i], expected->groups[i]);
}

static void test_amendments(void) {
    static const struct {
        const char *name, *path, *text;
    } steps[] = {
        { "web", "50-state-web", "[workload:web]\nState=stopped\n" },
        { "one", "10-run-one", "[workload:one]\nExecStart=/bin/one\nSlice=inner\n" },
        { "two", "10-run-two", "[workload:two]\nExecStart=/bin/two\n" },
        { "two", "50-frozen-two", "[workload:two]\nFrozen=yes\n" },
        { "zebra", "10-run-zebra", "[workload:zebra]\nExecStart=/bin/zebra\nSlice=outer\n" },
        { "one", "10-run-one", "" }, /* those after it move up */
        { "web", "50-state-web", "[workload:web]\nState=running\n" },
        { "nobody", "50-state-nobody", "[workload:nobody]\nState=stopped\n" },
        { "zebra", "10-run-zebra", "" },
    };
    _cleanup_(sources_done) Sources files = {}, transient = {};

    put(&files, "files", FILES);
    _cleanup_(cleanup_policy_unref) Policy *policy = parse(&files, &transient);
    for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
        _cleanup_(cleanup_policy_unref) Policy *before = policy_ref(policy);
        put(&transient, steps[i].path, steps[i].text);
        CHECK_EQ(amend(&policy, &files, &transient, steps[i].name), 0);
        check_as_parsed(policy, &files, &transient);
        CHECK(before->base != policy);
    }
    CHECK(!policy_group(policy, "one"));
    CHECK(!policy->base->base);
}

/* Networks and reserves are checked between workloads; slices are what others inherit from. */
static void test_what_bears_on_others(void) {
    static const struct {
        const char *name, *text;
    } runs[] = {
        { "a", "[workload:a]\nExecStart=/bin/a\nNetwork=bridge:lan\n" },
        { "b", "[workload:b]\nExecStart=/bin/b\nMemoryLow=1M\n" },
        { "inner", "[slice:inner]\nFrozen=yes\n" },
    };

    for (size_t i = 0; i < ELEMENTSOF(runs); i++) {
        _cleanup_(sources_done) Sources files = {}, transient = {};
        put(&files, "files", FILES);
        _cleanup_(cleanup_policy_unref) Policy *policy = parse(&files, &transient);
        put(&transient, runs[i].name, runs[i].text);
        CHECK_EQ(amend(&policy, &files, &transient, runs[i].name), -EXDEV);
    }
}

/* Where CPU time is reserved, who comes has a weight beside all others; who only starts or ends keeps the one it has. */
static void test_weights(void) {
    static const struct {
        const char *path, *text;
        int result;
    } steps[] = {
        { "50-state-other", "[workload:other]\nState=stopped\n", 0 },
        { "60-set-other", "[workload:other]\nCPUWeight=200\n", -EXDEV },
        { "60-set-other", "[workload:other]\nCPUQuota=50%\n", -EXDEV },
        { "60-set-other", "[workload:other]\nAllowedCPUs=1\n", -EXDEV },
        { "60-set-other", "[workload:other]\nNice=5\n", 0 },
    };
    _cleanup_(sources_done) Sources files = {}, transient = {};

    put(&files, "files",
            "[slice:shop]\n[workload:web]\nSlice=shop\nExecStart=/bin/web\nCPUReserve=0.5\n"
            "[workload:other]\nExecStart=/bin/other\n");
    _cleanup_(cleanup_policy_unref) Policy *policy = parse(&files, &transient);
    CHECK(policy_group(policy, "other")->limits[LIMIT_CPU_RESERVE].weight > 0);
    for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
        put(&transient, steps[i].path, steps[i].text);
        CHECK_EQ(amend(&policy, &files, &transient, "other"), steps[i].result);
        if (steps[i].result == 0)
            check_as_parsed(policy, &files, &transient);
    }
    put(&transient, "10-run-new", "[workload:new]\nExecStart=/bin/new\n");
    CHECK_EQ(amend(&policy, &files, &transient, "new"), -EXDEV);
}

/* Whoever shares the namespace of another points to it. */
static void test_shared_network(void) {
    _cleanup_(sources_done) Sources files = {}, transient = {};

    put(&files, "files",
            "[workload:home]\nExecStart=/bin/home\nNetwork=private\n"
            "[workload:sharer]\nExecStart=/bin/sharer\nNetwork=workload:home\n");
    _cleanup_(cleanup_policy_unref) Policy *policy = parse(&files, &transient);
    put(&transient, "50-state-home", "[workload:home]\nState=stopped\n");
    CHECK_EQ(amend(&policy, &files, &transient, "home"), -EXDEV);
}

int main(void) {
    test_amendments();
    test_what_bears_on_others();
    test_weights();
    test_shared_network();
    return 0;
}
