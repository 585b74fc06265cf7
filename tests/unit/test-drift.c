/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Drift: what a plan would set although it was there before, and reserves that are not granted above the tree. */

#include "model/drift.h"

#include <errno.h>

#include "unit/check.h"

static Setting min_of_slice = { .knob = KNOB_MEMORY_MIN, .text = "1048576" };
static Setting min_of_tree = { .knob = KNOB_MEMORY_MIN, .text = "4194304" };
static char tree_name[] = "the tree", slice_name[] = "supervisord.slice";
static NodeGroup above[] = {
    { .name = tree_name, .settings = &min_of_tree, .n_settings = 1 },
    { .name = slice_name, .settings = &min_of_slice, .n_settings = 1 },
};
static const Node node = { .above = above, .n_above = 2 };
static char from_max[] = "max 100000", from_empty[] = "", from_riops[] = "7";

static Policy policy;
static const Plan no_steps = { .policy = &policy };

static void test_written(void) {
    Group web = { .name = tree_name }, db = { .name = slice_name };
    Step steps[] = {
        { STEP_LIMIT_SET, .group = &web, .from = from_max, .result = -EINPROGRESS,
                .setting = { .knob = KNOB_CPU_MAX, .text = "20000 100000" } },
        { STEP_LIMIT_SET, .group = &web, .from = from_empty, .result = -EINPROGRESS,
                .setting = { .knob = KNOB_CPUSET_CPUS, .text = "0-1" } },
        { STEP_LIMIT_SET, .group = &web, .from = from_riops, .result = -EINPROGRESS,
                .setting = { KNOB_IO_MAX_RIOPS, 8, 0, "max" } },
        /* Not drift: another's, a file that was not there, a step that is known to fail, no limit. */
        { STEP_LIMIT_SET, .group = &db, .from = from_max, .result = -EINPROGRESS,
                .setting = { .knob = KNOB_CPU_MAX, .text = "20000 100000" } },
        { STEP_LIMIT_SET, .group = &web, .result = -EINPROGRESS, .setting = { .knob = KNOB_CPU_MAX, .text = "1 2" } },
        { STEP_LIMIT_SET, .group = &web, .from = from_max, .result = -ENODEV, .setting = { .knob = KNOB_IO_MAX_WBPS } },
        { STEP_SPAWN, .group = &web, .from = from_max, .result = -EINPROGRESS },
    };
    const Plan plan = { .policy = &policy, .steps = steps, .n_steps = sizeof steps / sizeof steps[0] };
    Drift drift = {}, before = {};

    CHECK_EQ(drift_find(&plan, &node, &web, &drift), 0);
    CHECK_EQ(drift.n_items, 3);
    CHECK_STREQ(drift.text,
            "cpu.max holds max 100000, the policy says 20000 100000; cpuset.cpus holds nothing, the policy says 0-1; "
            "io.max 8:0 riops holds 7, the policy says max");
    CHECK_EQ(drift_knobs(&drift),
            UINT64_C(1) << KNOB_CPU_MAX | UINT64_C(1) << KNOB_CPUSET_CPUS | UINT64_C(1) << KNOB_IO_MAX_RIOPS);
    CHECK(!drift_has(&before, drift.items));
    CHECK(drift_has(&drift, drift.items));
    CHECK_EQ(drift_find(&no_steps, &node, &web, &before), 0);
    CHECK_STREQ(before.text, NULL);
    drift_done(&drift);
}

static void test_not_granted(void) {
    Group web = { .name = tree_name };
    Drift drift = {};

    web.limits[LIMIT_MEMORY_MIN] = (LimitValue){ .is_set = true, .amount = 1 << 20 };
    CHECK_EQ(drift_find(&no_steps, &node, &web, &drift), 0);
    CHECK_EQ(drift.n_items, 0);
    web.limits[LIMIT_MEMORY_MIN].amount = 2 << 20;
    CHECK_EQ(drift_find(&no_steps, &node, &web, &drift), 0);
    CHECK_STREQ(drift.text, "memory.min: supervisord.slice grants MemoryMin=1.0M");
    CHECK_EQ(drift_knobs(&drift), UINT64_C(1) << KNOB_MEMORY_MIN);
    drift_done(&drift);
    web.limits[LIMIT_MEMORY_LOW] = (LimitValue){ .is_set = true, .amount = 1 << 20 };
    CHECK_EQ(drift_find(&no_steps, &node, &web, &drift), 0);
    CHECK_EQ(drift.n_items, 2); /* the tree has no memory.low */
    drift_done(&drift);
}

/* A weight of 300 beside 100, and below that one of 100 beside 50: half of the node. */
static void test_outweighed(void) {
    static Setting weights[] = { { .knob = KNOB_CPU_WEIGHT, .text = "100" },
        { .knob = KNOB_CPU_WEIGHT, .text = "300" } };
    NodeGroup around[] = {
        { .name = tree_name, .settings = weights, .n_settings = 1, .beside = 50 },
        { .name = slice_name, .settings = weights + 1, .n_settings = 1, .beside = 100 },
    };
    const Node weighed = { .above = around, .n_above = 2, .share = 1 };
    Policy reserving = { .settings.tree_cpu_ppm = 499000 };
    const Plan plan = { .policy = &reserving };
    Group web = { .name = tree_name };
    Drift drift = {};

    web.limits[LIMIT_CPU_RESERVE] = (LimitValue){ .is_set = true, .amount = 50000 };
    CHECK_EQ(drift_find(&plan, &weighed, &web, &drift), 0);
    CHECK_EQ(drift.n_items, 0);
    CHECK_EQ(node_weight_for(&weighed, 499000), 298);
    reserving.settings.tree_cpu_ppm = 625000;
    CHECK_EQ(drift_find(&plan, &weighed, &web, &drift), 0);
    CHECK_STREQ(drift.text, "cpu.weight: beside the rest of the node CPUReserve=0.5 is worth 0.39");
    drift_done(&drift);
    CHECK_EQ(node_weight_for(&weighed, 625000), 1501);
    CHECK_EQ(node_weight_for(&weighed, 667000), 10000); /* more than there is for the slice */
    around[1].beside = 0;
    CHECK_EQ(node_weight_for(&weighed, 625000), 0);
    CHECK_EQ(drift_find(&plan, &weighed, &web, &drift), 0);
    CHECK_EQ(drift.n_items, 0);
}

int main(void) {
    test_outweighed();
    test_written();
    test_not_granted();
    return 0;
}
