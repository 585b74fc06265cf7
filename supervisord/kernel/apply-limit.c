/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Settings: every write is read back, and the kernel must then hold the very text that was asked for. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
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
        r = links_namespace_of(mark.main_pid, &namespace_fd);
    if (r == 0)
        r = links_egress_set(a->target->links, namespace_fd, rate);
    return r < 0 ? step_failed(step, r, "cannot shape eth0 of %s", step->object) : 0;
}

static int read_back(int fd, const Limit *limit, Step *step) {
    char text[8192], holds[SETTING_TEXT_MAX];
    ssize_t length = file_read_at(fd, limit->file, text, sizeof text);
    if (length < 0)
        return step_failed(step, length, "cannot read %s back", limit->file);
    int r = limit_canonical(limit, text, step->setting.device_major, step->setting.device_minor, holds, sizeof holds);
    if (r < 0)
        return step_failed(step, r, "cannot understand %s", limit->file);
    if (strcmp(holds, step->setting.text) != 0)
        return step_failed(step, -EIO, "wrote %s to %s, the kernel holds %s", step->setting.text, limit->file, holds);
    return 0;
}

/* Why a limit file is not there, in words that lead somewhere. */
static int limit_absent(const Limit *limit, Step *step) {
    text_printf(&step->message, "%s= needs the %s controller, which is not enabled here (supctl check tells why)",
            limit->key, limit->controller);
    return -ENOTSUP;
}

int apply_limit_set(const Applier *a, Step *step) {
    const Limit *limit = limits + step->setting.limit;
    if (!limit->controller) {
        const LimitValue *value = step->group->limits + limit->id;
        return set_network_limit(a, step, value->is_set ? value->amount : AMOUNT_INFINITY);
    }

    _cleanup_(cleanup_close) int fd = -1;
    char text[SETTING_TEXT_MAX + 64];
    int r = applier_open(a, step->path, &fd);
    if (r < 0)
        return step_failed(step, r, "cannot open cgroup %s", step->path);
    limit_file_text(limit, &step->setting, text, sizeof text);
    r = file_write_at(fd, limit->file, text);
    if (r == -ENOENT || (r == -EACCES && faccessat(fd, limit->file, F_OK, 0) < 0))
        return limit_absent(limit, step);
    if (r < 0)
        return step_failed(step, r, "cannot write '%s' to %s", text, limit->file);
    return read_back(fd, limit, step);
}
