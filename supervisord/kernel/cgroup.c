/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Life cycle of cgroup v2 directories. Everything goes by descriptor and name, so that a renamed or replaced path
 * cannot mislead us.
 */

#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "model/node.h"

enum {
    CGROUP_FILE_BYTES_MAX = 8192, /* of the small and flat-keyed files that are read here; memory.stat is the largest */
    CONTROLLERS_TEXT_MAX = 256,
    EVENTS_POLL_MSEC = 5, /* the kernel delays notices of cgroup.events by more than 10 ms: look oneself meanwhile */
};

int cgroup_open(int parent_fd, const char *name, int *ret_fd) {
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int cgroup_make(int parent_fd, const char *name, int *ret_fd, bool *ret_created) {
    bool created = mkdirat(parent_fd, name, 0755) == 0;

    if (!created && errno != EEXIST)
        return -errno;
    int r = cgroup_open(parent_fd, name, ret_fd);
    if (r == 0)
        *ret_created = created;
    return r;
}

const char *cgroup_make_error(int error) {
    if (error == EAGAIN)
        return "cgroup.max.descendants or cgroup.max.depth of a cgroup above it is reached";
    return strerror(error);
}

static int remove_directory(int parent_fd, const char *name) {
    return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_levels(int parent_fd, const char *name, unsigned levels);

static int remove_unmarked(int parent_fd, const char *name, unsigned levels) {
    _cleanup_(cleanup_close) int fd = -1;
    CgroupMark mark;
    int r = cgroup_open(parent_fd, name, &fd);

    if (r < 0)
        return r;
    return cgroup_mark_read(fd, &mark) == -ENODATA ? remove_levels(parent_fd, name, levels) : -EBUSY;
}

static int remove_inside(int dir_fd, unsigned levels) {
    _cleanup_(cleanup_closedir) DIR *directory = NULL;
    int r = directory_open(dir_fd, ".", &directory);

    if (r < 0)
        return r;
    for (struct dirent *entry; r == 0 && (entry = readdir(directory));)
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = remove_unmarked(dir_fd, entry->d_name, levels);
    return r;
}

static int remove_levels(int parent_fd, const char *name, unsigned levels) {
    _cleanup_(cleanup_close) int fd = -1;
    bool populated = true;
    int r = remove_directory(parent_fd, name);

    if (r != -EBUSY || levels == 0)
        return r;
    r = cgroup_open(parent_fd, name, &fd);
    if (r == 0)
        r = cgroup_populated(fd, &populated);
    if (r == 0)
        r = populated ? -EBUSY : remove_inside(fd, levels - 1);
    return r < 0 ? r : remove_directory(parent_fd, name);
}

int cgroup_remove(int parent_fd, const char *name) {
    return remove_levels(parent_fd, name, CGROUP_NESTING_MAX);
}

int cgroup_each(int dir_fd, CgroupVisit *visit, void *userdata) {
    _cleanup_(cleanup_closedir) DIR *directory = NULL;
    int r = directory_open(dir_fd, ".", &directory);
    if (r < 0)
        return r;
    for (struct dirent *entry; r == 0 && (entry = readdir(directory));)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            r = visit(userdata, dir_fd, entry->d_name);
    return r;
}

int cgroup_id(int dir_fd, uint64_t *ret) {
    union {
        struct file_handle handle;
        char room[sizeof(struct file_handle) + sizeof(uint64_t)];
    } u = { .handle.handle_bytes = sizeof(uint64_t) };
    int mount_id;

    if (name_to_handle_at(dir_fd, "", &u.handle, &mount_id, AT_EMPTY_PATH) < 0)
        return -errno;
    if (u.handle.handle_bytes != sizeof(uint64_t))
        return -EINVAL;
    memcpy(ret, u.handle.f_handle, sizeof *ret);
    return 0;
}

static int read_controllers(int dir_fd, const char *file, uint32_t *ret) {
    char text[CONTROLLERS_TEXT_MAX];
    ssize_t n = file_read_at(dir_fd, file, text, sizeof text);

    if (n < 0)
        return (int) n;
    *ret = controller_mask(text);
    return 0;
}

int cgroup_enabled_controllers(int dir_fd, uint32_t *ret) {
    return read_controllers(dir_fd, "cgroup.subtree_control", ret);
}

int cgroup_controllers(int dir_fd, uint32_t *ret_available, uint32_t *ret_enabled) {
    uint32_t available, enabled;
    int r = read_controllers(dir_fd, "cgroup.controllers", &available);

    if (r == 0)
        r = cgroup_enabled_controllers(dir_fd, &enabled);
    if (r < 0)
        return r;
    *ret_available = available;
    *ret_enabled = enabled;
    return 0;
}

int cgroup_controllers_enable(int dir_fd, uint32_t mask) {
    char text[CONTROLLERS_TEXT_MAX];
    size_t used = 0;

    for (unsigned i = 0; i < CONTROLLERS_COUNT; i++)
        if (mask & UINT32_C(1) << i)
            used += (size_t) snprintf(text + used, sizeof text - used, "+%s ", controller_names[i]);
    return used > 0 ? file_write_at(dir_fd, "cgroup.subtree_control", text) : 0;
}

static int read_event(const char *events, const char *key, bool *ret) {
    uint64_t value;
    int r = flat_key_u64(events, key, &value);

    if (r == 0)
        *ret = value > 0;
    return r;
}

int cgroup_populated(int dir_fd, bool *ret) {
    char text[CGROUP_FILE_BYTES_MAX];
    ssize_t n = file_read_at(dir_fd, "cgroup.events", text, sizeof text);

    return n < 0 ? (int) n : read_event(text, "populated", ret);
}

static uint64_t clock_usec(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / NSEC_PER_USEC;
}

/* Until the key in cgroup.events has the value. */
static int wait_for_event(int dir_fd, const char *key, bool wanted, uint64_t timeout_usec) {
    _cleanup_(cleanup_close) int fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    uint64_t begin_usec = clock_usec();
    char text[CGROUP_FILE_BYTES_MAX];

    if (fd < 0)
        return -errno;
    for (;;) {
        bool value = !wanted;
        ssize_t n = file_pread(fd, text, sizeof text);
        int r = n < 0 ? (int) n : read_event(text, key, &value);

        if (r < 0 || value == wanted)
            return r;
        if (clock_usec() - begin_usec >= timeout_usec)
            return -ETIMEDOUT;
        poll(&(struct pollfd){ .fd = fd, .events = POLLPRI }, 1, EVENTS_POLL_MSEC);
    }
}

int cgroup_wait_empty(int dir_fd, uint64_t timeout_usec) {
    return wait_for_event(dir_fd, "populated", false, timeout_usec);
}

int cgroup_frozen(int dir_fd, bool *ret) {
    char text[CGROUP_FILE_BYTES_MAX];
    ssize_t n = file_read_at(dir_fd, "cgroup.freeze", text, sizeof text);

    if (n < 0)
        return (int) n;
    *ret = strcmp(text, "1") == 0;
    return 0;
}

int cgroup_freeze(int dir_fd, bool frozen, uint64_t timeout_usec) {
    bool holds;
    int r = file_write_at(dir_fd, "cgroup.freeze", frozen ? "1" : "0");

    if (r == 0)
        r = cgroup_frozen(dir_fd, &holds);
    if (r == 0 && holds != frozen)
        r = -EIO;
    return r < 0 || !frozen ? r : wait_for_event(dir_fd, "frozen", true, timeout_usec);
}

int cgroup_kill(int dir_fd) {
    return file_write_at(dir_fd, "cgroup.kill", "1");
}

int cgroup_flat_u64(int dir_fd, const char *file, const char *key, uint64_t *ret) {
    char text[CGROUP_FILE_BYTES_MAX];
    ssize_t n = file_read_at(dir_fd, file, text, sizeof text);

    return n < 0 ? (int) n : flat_key_u64(text, key, ret);
}
