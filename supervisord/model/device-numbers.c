/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Groups of devices by name, as in /proc/devices: a driver's major number, or several. */

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strv.h"
#include "model/filter.h"

static const struct {
    uint32_t type;
    const char *prefix, *heading;
} device_types[] = {
    { DEVICE_CHAR, "char-", "Character devices:" },
    { DEVICE_BLOCK, "block-", "Block devices:" },
};

void device_numbers_done(DeviceNumbers *numbers) {
    free(numbers->specifier);
    free(numbers->rules);
    *numbers = (DeviceNumbers){};
}

int device_numbers_add(DeviceNumbers *numbers, uint32_t type, uint32_t major, uint32_t minor) {
    int r = grow(&numbers->rules, sizeof *numbers->rules, numbers->n_rules, &numbers->n_allocated);
    if (r < 0)
        return r;
    numbers->rules[numbers->n_rules++] = (struct device_rule){ .type = type, .major = major, .minor = minor };
    return 0;
}

static void take_heading(const char *line, uint32_t *type) {
    for (size_t i = 0; i < ELEMENTSOF(device_types); i++)
        if (strncmp(line, device_types[i].heading, strlen(device_types[i].heading)) == 0)
            *type = device_types[i].type;
}

/* "136 pts" below its type's heading. */
static int add_matching(DeviceNumbers *numbers, uint32_t type, const char *pattern, const char *devices_text) {
    uint32_t type_at_hand = 0, major;
    char name[64];

    for (const char *line = devices_text; line; line = (line = strchr(line, '\n')) ? line + 1 : NULL) {
        take_heading(line, &type_at_hand);
        if (type_at_hand != type || sscanf(line, "%u %63s", &major, name) != 2 || fnmatch(pattern, name, 0) != 0)
            continue;
        int r = device_numbers_add(numbers, type, major, DEVICE_NUMBER_ANY);
        if (r < 0)
            return r;
    }
    return 0;
}

int device_numbers_of_groups(DeviceNumbers *numbers, const char *devices_text) {
    for (size_t i = 0; i < ELEMENTSOF(device_types); i++) {
        size_t length = strlen(device_types[i].prefix);
        const char *pattern = numbers->specifier + length;

        if (strncmp(numbers->specifier, device_types[i].prefix, length) != 0)
            continue;
        if (strcmp(pattern, "*") == 0) /* those too that come later */
            return device_numbers_add(numbers, device_types[i].type, DEVICE_NUMBER_ANY, DEVICE_NUMBER_ANY);
        return add_matching(numbers, device_types[i].type, pattern, devices_text);
    }
    return -EINVAL;
}
