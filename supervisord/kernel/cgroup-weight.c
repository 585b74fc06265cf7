/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a cgroup's weight is worth is a matter of those beside it, whosever they are. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "kernel/cgroup.h"

static int read_weight(int dir_fd, const char *path, uint64_t *ret) {
    char text[32];
    ssize_t length = file_read_at(dir_fd, path, text, sizeof text);
    if (length < 0)
        return length;
    text[strcspn(text, "\n")] = '\0';
    return parse_u64(text, ret);
}

static int on_weighed(void *userdata, int parent_fd, const char *name) {
    char path[NAME_MAX + 16];
    uint64_t *sum = userdata, weight;
    snprintf(path, sizeof path, "%s/cpu.weight", name);
    if (read_weight(parent_fd, path, &weight) == 0)
        *sum += weight;
    return 0; /* it is gone, or nothing weighs it */
}

int cgroup_weights(int dir_fd, uint64_t *ret_own, uint64_t *ret_beside) {
    _cleanup_(cleanup_close) int parent_fd = -1;
    uint64_t own, sum = 0;
    int r = read_weight(dir_fd, "cpu.weight", &own);
    if (r == 0)
        r = cgroup_open(dir_fd, "..", &parent_fd);
    if (r == 0)
        r = cgroup_each(parent_fd, on_weighed, &sum);
    if (r < 0)
        return r;
    *ret_own = own;
    *ret_beside = sum > own ? sum - own : 0;
    return 0;
}
