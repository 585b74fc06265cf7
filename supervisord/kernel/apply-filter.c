/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Filters of a group: attached, replaced or taken away, and read back. */

#include "base/cleanup.h"
#include "kernel/applier.h"
#include "kernel/cgroup.h"
#include "kernel/filter.h"

int apply_filter_set(const Applier *a, Step *step) {
    _cleanup_(cleanup_close) int fd = -1;
    CgroupMark mark;

    int r = applier_open(a, step->path, &fd);
    if (r == 0)
        r = cgroup_mark_read(fd, &mark);
    if (r == 0)
        r = filter_set(a->target->programs, fd, mark.slot, &step->rules, &step->message);
    return r < 0 ? step_failed(step, r, "cannot attach the filter of %s", filter_name(step->rules.filter)) : 0;
}
