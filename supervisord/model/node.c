/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ownership of and questions to the picture of the node. Lookups are linear: a node has few groups, and each is asked
 * for once a plan.
 */

#include "model/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const controller_names[CONTROLLERS_COUNT] = { "cpu", "cpuset", "io", "memory", "pids", "hugetlb" };

static uint32_t controller_bit(const char *name, size_t length) {
    for (unsigned i = 0; i < CONTROLLERS_COUNT; i++)
        if (strlen(controller_names[i]) == length && memcmp(controller_names[i], name, length) == 0)
            return UINT32_C(1) << i;
    return 0;
}

uint32_t controller_mask(const char *text) {
    static const char blanks[] = " \t\n";
    uint32_t mask = 0;

    for (const char *word = text + strspn(text, blanks); *word; word += strspn(word, blanks)) {
        size_t length = strcspn(word, blanks);

        mask |= controller_bit(word, length);
        word += length;
    }
    return mask;
}

const char *controller_mask_format(uint32_t mask, char *buffer, size_t size) {
    size_t used = 0;

    if (size > 0)
        buffer[0] = '\0';
    for (unsigned i = 0; i < CONTROLLERS_COUNT; i++) {
        if (!(mask & UINT32_C(1) << i))
            continue;
        if (used + strlen(controller_names[i]) + 2 > size)
            break;
        if (used > 0)
            buffer[used++] = ' ';
        used = (size_t) (stpcpy(buffer + used, controller_names[i]) - buffer);
    }
    return buffer;
}

static void node_group_done(NodeGroup *group) {
    free(group->name);
    free(group->parent);
    free(group->path);
    free(group->settings);
    free(group->leaves);
    free(group->sessions);
}

void node_done(Node *node) {
    for (size_t i = 0; i < node->n_groups; i++)
        node_group_done(&node->groups[i]);
    for (size_t i = 0; i < node->n_networks; i++) {
        free(node->networks[i].name);
        free(node->networks[i].bridge);
    }
    for (size_t i = 0; i < node->n_devices; i++)
        free(node->devices[i].path);
    for (size_t i = 0; i < node->n_device_numbers; i++)
        device_numbers_done(&node->device_numbers[i]);
    free(node->device_numbers);
    for (size_t i = 0; i < node->n_above; i++)
        node_group_done(&node->above[i]);
    free(node->groups);
    free(node->above);
    free(node->networks);
    free(node->devices);
    *node = (Node){};
}

const NodeGroup *node_group(const Node *node, const char *name) {
    for (size_t i = 0; i < node->n_groups; i++)
        if (strcmp(node->groups[i].name, name) == 0)
            return &node->groups[i];
    return NULL;
}

const NodeDevice *node_device(const Node *node, const char *path) {
    for (size_t i = 0; i < node->n_devices; i++)
        if (strcmp(node->devices[i].path, path) == 0)
            return &node->devices[i];
    return NULL;
}

const char *node_group_setting(const NodeGroup *group, KnobId knob, unsigned device_major, unsigned device_minor) {
    for (size_t i = 0; i < group->n_settings; i++) {
        const Setting *setting = &group->settings[i];

        if (setting->knob == knob && setting->device_major == device_major && setting->device_minor == device_minor)
            return setting->text;
    }
    return NULL;
}

/* --- the tree among others ---------------------------------------------------------------------------------------- */

enum { PPM_WHOLE = 1000 * 1000, WEIGHT_MAX = 10000 };

/* Without siblings that are weighed it has all of what is around it. */
static bool is_weighed(const NodeGroup *above, uint64_t *ret_weight) {
    const char *text = node_group_setting(above, KNOB_CPU_WEIGHT, 0, 0);
    return above->beside > 0 && text && knob_amount(text, ret_weight) == 0 && *ret_weight > 0;
}

uint64_t node_weight_for(const Node *node, uint64_t tree_ppm) {
    uint64_t needed = tree_ppm, weight;

    for (size_t i = 0; i < node->n_above; i++)
        if (i != node->share && is_weighed(node->above + i, &weight))
            needed = needed * (weight + node->above[i].beside) / weight + 1;
    if (node->n_above == 0 || !is_weighed(node->above + node->share, &weight))
        return 0;
    if (needed >= PPM_WHOLE)
        return WEIGHT_MAX;
    weight = node->above[node->share].beside * needed / (PPM_WHOLE - needed) + 1;
    return weight < WEIGHT_MAX ? weight : WEIGHT_MAX;
}

uint64_t node_share_ppm(const Node *node) {
    uint64_t share = PPM_WHOLE, weight;

    for (size_t i = 0; i < node->n_above; i++)
        if (is_weighed(node->above + i, &weight))
            share = share * weight / (weight + node->above[i].beside);
    return share;
}
