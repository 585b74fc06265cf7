/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The picture of the node: controller masks, look-ups, ownership (run under ASan). */

#include "model/node.h"
#include "unit/check.h"

static void test_controller_mask(void) {
    CHECK_EQ(controller_mask(""), 0);
    CHECK_EQ(controller_mask("cpuset cpu io memory hugetlb pids rdma misc\n"), (1 << CONTROLLERS_COUNT) - 1);
    CHECK_EQ(controller_mask("cpuset"), CONTROLLER_CPUSET);
    CHECK_EQ(controller_mask("  cpu\tpids "), CONTROLLER_CPU | CONTROLLER_PIDS);
    CHECK_EQ(controller_mask("cp cpus memoryx hugetlbx"), 0);
}

static void test_controller_format(void) {
    char text[64], small[8], tiny[1] = { 'x' };

    CHECK_STREQ(controller_mask_format(0, text, sizeof text), "");
    CHECK_STREQ(controller_mask_format((1 << CONTROLLERS_COUNT) - 1, text, sizeof text),
            "cpu cpuset io memory pids hugetlb");
    CHECK_STREQ(controller_mask_format(CONTROLLER_IO, text, sizeof text), "io");
    CHECK_STREQ(controller_mask_format(CONTROLLER_CPU | CONTROLLER_MEMORY, small, sizeof small), "cpu");
    CHECK_STREQ(controller_mask_format(CONTROLLER_CPU, tiny, sizeof tiny), "");
    for (uint32_t mask = 0; mask < 1 << CONTROLLERS_COUNT; mask++)
        CHECK_EQ(controller_mask(controller_mask_format(mask, text, sizeof text)), mask);
}

static Setting *new_settings(void) {
    Setting *settings = calloc(3, sizeof *settings);

    CHECK(settings);
    settings[0] = (Setting){ .knob = KNOB_MEMORY_MAX, .text = "max" };
    settings[1] = (Setting){ KNOB_IO_MAX_RBPS, 254, 0, "1048576" };
    settings[2] = (Setting){ KNOB_IO_MAX_RBPS, 254, 16, "max" };
    return settings;
}

static Node new_node(void) {
    Node node = {
        .groups = calloc(2, sizeof(NodeGroup)),
        .n_groups = 2,
        .networks = calloc(1, sizeof(NodeNetwork)),
        .n_networks = 1,
        .devices = calloc(1, sizeof(NodeDevice)),
        .n_devices = 1,
    };

    CHECK(node.groups && node.networks && node.devices);
    node.groups[0] = (NodeGroup){ .name = strdup("batch"), .path = strdup("batch"), .kind = GROUP_SLICE };
    node.groups[1] = (NodeGroup){
        .name = strdup("web"),
        .parent = strdup("batch"),
        .path = strdup("batch/web"),
        .kind = GROUP_WORKLOAD,
        .settings = new_settings(),
        .n_settings = 3,
        .leaves = calloc(1, sizeof(NodeLeaf)),
        .n_leaves = 1,
    };
    node.networks[0] = (NodeNetwork){ .name = strdup("front"), .bridge = strdup("svbr0") };
    node.devices[0] = (NodeDevice){ .path = strdup("/dev/vdb"), .major = 254, .minor = 16 };
    return node;
}

static void test_look_ups(void) {
    Node node = new_node();
    const NodeGroup *web = node_group(&node, "web");

    CHECK(web == &node.groups[1]);
    CHECK(!node_group(&node, "we"));
    CHECK(node_device(&node, "/dev/vdb") && !node_device(&node, "/dev/vda"));
    CHECK_STREQ(node_group_setting(web, KNOB_MEMORY_MAX, 0, 0), "max");
    CHECK_STREQ(node_group_setting(web, KNOB_IO_MAX_RBPS, 254, 0), "1048576");
    CHECK_STREQ(node_group_setting(web, KNOB_IO_MAX_RBPS, 254, 16), "max");
    CHECK_STREQ(node_group_setting(web, KNOB_IO_MAX_RBPS, 8, 0), NULL);
    CHECK_STREQ(node_group_setting(web, KNOB_CPU_WEIGHT, 0, 0), NULL);

    node_done(&node);
    CHECK_EQ(node.n_groups, 0);
    node_done(&node);
}

int main(void) {
    test_controller_mask();
    test_controller_format();
    test_look_ups();
    return 0;
}
