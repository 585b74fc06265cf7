/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What holds of limits: the text of each knob that is there, in its canonical form. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/strv.h"
#include "kernel/observer.h"

enum { LIMIT_FILE_MAX = 8192 }; /* io.max of many disks, a long cpuset list */

static int add_setting(NodeGroup *group, size_t *allocated, const Knob *knob, unsigned device_major,
        unsigned device_minor, const char *file_text) {
    int r = grow(&group->settings, sizeof *group->settings, group->n_settings, allocated);
    if (r < 0)
        return r;
    Setting *setting = group->settings + group->n_settings;
    *setting = (Setting){ .knob = knob->id, .device_major = device_major, .device_minor = device_minor };
    r = knob_canonical(knob, file_text, device_major, device_minor, setting->text, sizeof setting->text);
    if (r == 0)
        group->n_settings++;
    return 0; /* what we do not understand does not hold, as far as the plan can tell */
}

/* io.max has one line a device; each is a setting of its own. */
static int add_device_settings(NodeGroup *group, size_t *allocated, const Knob *knob, const char *file_text) {
    for (const char *line = file_text; line && *line;) {
        unsigned device_major, device_minor;
        if (sscanf(line, "%u:%u", &device_major, &device_minor) == 2) {
            int r = add_setting(group, allocated, knob, device_major, device_minor, file_text);
            if (r < 0)
                return r;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return 0;
}

int observe_limits(int dir_fd, uint32_t controllers, NodeGroup *group) {
    size_t allocated = 0;
    char text[LIMIT_FILE_MAX];
    const char *last_file = "";
    ssize_t length = -ENOENT;

    FOREACH_KNOB (knob) {
        if (!knob->controller || !(controller_mask(knob->controller) & controllers))
            continue;
        if (strcmp(knob->file, last_file) != 0) /* rows that share a file stand together */
            length = file_read_at(dir_fd, knob->file, text, sizeof text);
        last_file = knob->file;
        if (length < 0)
            continue;
        int r = knob_kind(knob) == LIMIT_KIND_DEVICES ? add_device_settings(group, &allocated, knob, text)
                                                      : add_setting(group, &allocated, knob, 0, 0, text);
        if (r < 0)
            return r;
    }
    return 0;
}

int observe_unlimited_devices(const Observer *o, int dir_fd, NodeGroup *group) {
    size_t allocated = group->n_settings;
    if (o->node->n_devices == 0)
        return 0;
    FOREACH_KNOB (knob) {
        if (knob_kind(knob) != LIMIT_KIND_DEVICES || faccessat(dir_fd, knob->file, F_OK, 0) < 0)
            continue;
        for (size_t i = 0; i < o->node->n_devices; i++) {
            const NodeDevice *device = o->node->devices + i;
            if (device->error || node_group_setting(group, knob->id, device->major, device->minor))
                continue;
            int r = add_setting(group, &allocated, knob, device->major, device->minor, "");
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int observe_limits_of_freezer(const Observer *o, int dir_fd, NodeGroup *group) {
    size_t allocated = group->n_settings;
    char text[SETTING_TEXT_MAX];
    int r = 0;
    FOREACH_KNOB (knob) {
        const char *holds = observe_freezer_setting(o, dir_fd, knob, text, sizeof text);
        if (r == 0 && holds)
            r = add_setting(group, &allocated, knob, 0, 0, holds);
    }
    return r;
}
