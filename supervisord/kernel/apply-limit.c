/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Settings: every write is read back, and the kernel must then hold the very text that was asked for. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crash-point.h"
#include "base/file.h"
#include "base/strv.h"
#include "kernel/applier.h"
#include "kernel/cgroup.h"

static int open_leaf(const Applier *a, const char *group_path, unsigned number, int *ret_fd) {
    char path[4096];
    if ((size_t) snprintf(path, sizeof path, "%s/%u", group_path, number) >= sizeof path)
        return -ENAMETOOLONG;
    return cgroup_open(a->target->tree->fd, path, ret_fd);
}

static int set_network_limit(const Applier *a, Step *step, uint64_t rate) {
    _cleanup_(cleanup_close) int leaf_fd = -1, namespace_fd = -1;
    CgroupMark mark;
    int r = open_leaf(a, step->path, step->leaf, &leaf_fd);
    if (r == 0)
        r = cgroup_mark_read(leaf_fd, &mark);
    if (r == 0)
        r = links_namespace_of(mark.main_pid, mark.main_start_ticks, &namespace_fd);
    if (r == 0)
        r = links_egress_set(a->target->links, namespace_fd, rate);
    return r < 0 ? step_failed(step, r, "cannot shape what %s sends", step->object) : 0;
}

/* What is unset is taken away. */
static int set_freezer_limit(int fd, const Knob *knob, Step *step) {
    const char *text = strcmp(step->setting.text, knob->unset) == 0 ? "" : step->setting.text;
    int r = cgroup_setting_write(fd, knob->file, text);
    crash_point("freezer told");
    return r < 0 ? step_failed(step, r, "cannot note %s on cgroup %s", knob->file, step->path) : 0;
}

static int read_back(int fd, const Knob *knob, Step *step) {
    char text[8192], holds[SETTING_TEXT_MAX];
    ssize_t length = file_read_at(fd, knob->file, text, sizeof text);
    if (length < 0)
        return step_failed(step, length, "cannot read %s back", knob->file);
    int r = knob_canonical(knob, text, step->setting.device_major, step->setting.device_minor, holds, sizeof holds);
    if (r < 0)
        return step_failed(step, r, "cannot understand %s", knob->file);
    if (strcmp(holds, step->setting.text) != 0)
        return step_failed(step, -EIO, "wrote %s to %s, the kernel holds %s", step->setting.text, knob->file, holds);
    return 0;
}

/* Why a file is not there, in words that lead somewhere. */
static int knob_absent(int fd, const Knob *knob, Step *step) {
    const char *key = (knob_asked_by(knob, step->group->limits) ?: limits + knob->limit)->key;
    uint32_t available, enabled;
    if (cgroup_controllers(fd, &available, &enabled) == 0 && available & controller_mask(knob->controller))
        text_printf(&step->message, "%s= needs %s, which this kernel does not have (supctl check tells why)", key,
                knob->file);
    else
        text_printf(&step->message, "%s= needs the %s controller, which is not enabled here (supctl check tells why)",
                key, knob->controller);
    return -ENOTSUP;
}

int apply_limit_set(const Applier *a, Step *step) {
    const Knob *knob = knobs + step->setting.knob;
    if (!knob->controller && !knob_is_of_freezer(knob)) {
        const LimitValue *value = step->group->limits + knob->limit;
        return set_network_limit(a, step, value->is_set ? value->amount : AMOUNT_INFINITY);
    }

    _cleanup_(cleanup_close) int fd = -1;
    char text[SETTING_TEXT_MAX + 64];
    int r = applier_open(a, step->path, &fd);
    if (r < 0)
        return step_failed(step, r, "cannot open cgroup %s", step->path);
    if (knob_is_of_freezer(knob))
        return set_freezer_limit(fd, knob, step);
    knob_file_text(&step->setting, text, sizeof text);
    r = file_write_at(fd, knob->file, text);
    crash_point("limit written");
    if (r == -ENOENT || (r == -EACCES && faccessat(fd, knob->file, F_OK, 0) < 0))
        return knob_absent(fd, knob, step);
    if (r < 0)
        return step_failed(step, r, "cannot write '%s' to %s", text, knob->file);
    return read_back(fd, knob, step);
}
