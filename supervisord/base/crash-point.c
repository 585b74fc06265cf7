/* SPDX-License-Identifier: GPL-2.0-or-later */

/* SIGKILL is the hardest death there is: nothing of ours runs after it, no cleanup, no atexit(), no other thread. */

#include "base/crash-point.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"

static atomic_uint *points_left; /* NULL: this is no test */

int crash_points_open(void) {
    const char *path = secure_getenv("SUPERVISORD_CRASH_AT");
    struct stat st;
    if (!path)
        return 0;
    _cleanup_(cleanup_close) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size != sizeof *points_left)
        return -EINVAL;
    void *memory = mmap(NULL, sizeof *points_left, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    points_left = memory;
    return 0;
}

static bool is_the_one(void) {
    unsigned left = *points_left;
    while (left > 0)
        if (atomic_compare_exchange_weak(points_left, &left, left - 1))
            return left == 1;
    return false;
}

void crash_point(const char *name) {
    if (!points_left || !is_the_one())
        return;
    dprintf(STDERR_FILENO, "supervisord: dies at the crash point '%s'\n", name);
    raise(SIGKILL);
}
