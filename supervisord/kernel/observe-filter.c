/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What holds of filters, and which devices the policy's mean. */

#include <errno.h>
#include <string.h>

#include "base/strv.h"
#include "kernel/device.h"
#include "kernel/filter.h"
#include "kernel/observer.h"

/* Where nobody may ask, none is there: a step that needs one says why it cannot be. */
int observe_filters(const Observer *o, int dir_fd, NodeGroup *group) {
    for (int filter = 0; filter < FILTERS_COUNT; filter++) {
        int r = filter_read(o->programs, dir_fd, group->slot, (FilterId) filter, group->filters[filter]);
        if (r == -ENOENT || r == -ENODEV)
            return r; /* the group is gone */
    }
    return 0;
}

static bool has_numbers(const Node *node, const char *specifier) {
    for (size_t i = 0; i < node->n_device_numbers; i++)
        if (strcmp(node->device_numbers[i].specifier, specifier) == 0)
            return true;
    return false;
}

static int add_device_numbers(Observer *o, const char *specifier, size_t *allocated) {
    Node *node = o->node;
    if (has_numbers(node, specifier))
        return 0;
    int r = grow(&node->device_numbers, sizeof *node->device_numbers, node->n_device_numbers, allocated);
    if (r < 0)
        return r;
    DeviceNumbers *numbers = node->device_numbers + node->n_device_numbers++;
    *numbers = (DeviceNumbers){ .specifier = strdup(specifier) };
    return numbers->specifier ? device_numbers_resolve(numbers) : -ENOMEM;
}

int observe_device_numbers(Observer *o) {
    size_t allocated = 0;
    for (size_t i = 0; i < o->policy->n_groups; i++) {
        const Filters *filters = &o->policy->groups[i]->filters;
        for (size_t j = 0; j < filters->n_devices; j++) {
            int r = add_device_numbers(o, filters->devices[j].specifier, &allocated);
            if (r < 0)
                return r;
        }
    }
    return 0;
}
