/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * systemd's cgroups are systemd's: we write only below the directory that it delegated, and ask PID 1 for everything
 * above (CGROUP_DELEGATION.md, "single writer").
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/strv.h"
#include "kernel/cgroup.h"
#include "kernel/tree.h"
#include "model/node.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define OWN_SLICE "supervisord.slice"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"

enum {
    UNIT_START_ATTEMPTS = 100, /* times UNIT_START_PAUSE_USEC: five seconds for a unit that only moves one process */
    UNIT_START_PAUSE_USEC = 50 * 1000,
};

/* A later mount may lie on top of an earlier one: the last counts. */
int tree_find_mount(char **ret_mount) {
    _cleanup_(cleanup_free) char *text = NULL;
    char mount[4096] = "";
    size_t length;
    int r = file_read_all_at(AT_FDCWD, "/proc/self/mountinfo", 16 * 1024 * 1024, &text, &length);
    if (r < 0)
        return r;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (strstr(line, " - cgroup2 "))
            sscanf(line, "%*d %*d %*s %*s %4095s", mount);
    return *mount ? text_printf(ret_mount, "%s", mount) : -ENODEV;
}

void tree_done(Tree *tree) {
    tree->fd = close_fd(tree->fd);
    free(tree->path);
    free(tree->mount);
    free(tree->unit);
    free(tree->slice);
    *tree = (Tree) TREE_NULL;
}

bool tree_exists(const Tree *tree) {
    return faccessat(tree->fd, "cgroup.controllers", F_OK, 0) == 0;
}

/* --- asking PID 1 ------------------------------------------------------------------------------------------------ */

static int unit_object(sd_bus *bus, const char *unit, char **ret_object, sd_bus_error *error) {
    sd_bus_message *reply = NULL;
    const char *object;
    int r = sd_bus_call_method(bus, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "LoadUnit", error, &reply, "s", unit);
    if (r >= 0)
        r = sd_bus_message_read(reply, "o", &object);
    if (r >= 0)
        r = text_printf(ret_object, "%s", object);
    sd_bus_message_unref(reply);
    return r < 0 ? r : 0;
}

static const char *unit_interface(const char *unit) {
    const char *dot = strrchr(unit, '.');
    return dot && strcmp(dot, ".scope") == 0 ? SYSTEMD ".Scope" : SYSTEMD ".Service";
}

static int unit_string(sd_bus *bus, const char *object, const char *interface, const char *property, char **ret) {
    return sd_bus_get_property_string(bus, SYSTEMD, object, interface, property, NULL, ret);
}

static int unit_wait_active(sd_bus *bus, const char *object) {
    for (unsigned i = 0; i < UNIT_START_ATTEMPTS; i++) {
        _cleanup_(cleanup_free) char *state = NULL;
        int r = unit_string(bus, object, SYSTEMD ".Unit", "ActiveState", &state);
        if (r < 0)
            return r;
        if (strcmp(state, "active") == 0)
            return 0;
        usleep(UNIT_START_PAUSE_USEC);
    }
    return -ETIMEDOUT;
}

/*
 * A keeper's unit that has failed (somebody killed the keeper) still has its cgroup with workloads in it, and cannot be
 * started again while controllers are enabled there: its tree is simply used on.
 */
static int unit_bring_up(sd_bus *bus, const char *unit, const char *object, sd_bus_error *error) {
    _cleanup_(cleanup_free) char *group = NULL;
    if (unit_string(bus, object, unit_interface(unit), "ControlGroup", &group) >= 0 && *group)
        return 0;
    int r = sd_bus_call_method(
            bus, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "StartUnit", error, NULL, "ss", unit, "replace");
    return r < 0 ? r : unit_wait_active(bus, object);
}

static int unit_control_group(sd_bus *bus, const char *unit, char **ret_group, sd_bus_error *error) {
    _cleanup_(cleanup_free) char *object = NULL;
    int r = unit_object(bus, unit, &object, error);
    if (r >= 0)
        r = unit_bring_up(bus, unit, object, error);
    if (r >= 0)
        r = unit_string(bus, object, unit_interface(unit), "ControlGroup", ret_group);
    return r < 0 ? r : 0;
}

bool tree_is_read_only(const char *path) {
    struct statvfs file_system;
    return statvfs(path, &file_system) == 0 && file_system.f_flag & ST_RDONLY;
}

/* "/supervisord.slice/supervisord-workloads.service" */
static int find_slice(Tree *tree, const char *group) {
    const char *end = *group == '/' ? strchr(group + 1, '/') : NULL;
    size_t length = strlen(OWN_SLICE);
    return end && (size_t) (end - group - 1) == length && memcmp(group + 1, OWN_SLICE, length) == 0
                   ? text_printf(&tree->slice, "%s", OWN_SLICE)
                   : 0;
}

static int open_below_mount(Tree *tree, const char *group) {
    int r = tree_find_mount(&tree->mount);
    if (r == 0)
        r = text_printf(&tree->path, "%s%s", tree->mount, group);
    if (r == 0)
        r = cgroup_open(AT_FDCWD, tree->path, &tree->fd);
    if (r == 0)
        r = find_slice(tree, group);
    return r == 0 && tree_is_read_only(tree->path) ? -EROFS : r;
}

/* -> *ret_message: what is wrong, and what to do about it where that is known. */
static void explain(const char *what, const char *error, int r, char **ret_message) {
    if (r == -ENODEV)
        text_printf(ret_message, "cgroup v2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup, or boot with "
                                 "systemd.unified_cgroup_hierarchy=1");
    else if (r == -EROFS)
        text_printf(ret_message,
                "%s: cgroup v2 is mounted read-only: mount -o remount,rw it, or give the container a writable one",
                what);
    else
        text_printf(ret_message, "%s: %s", what, error ? error : strerror(-r));
}

int tree_open_unit(Tree *tree, const char *unit, char **ret_message) {
    Tree opened = TREE_NULL;
    sd_bus *bus = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(cleanup_free) char *group = NULL;

    int r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = unit_control_group(bus, unit, &group, &error);
    if (r >= 0)
        r = text_printf(&opened.unit, "%s", unit);
    if (r >= 0)
        r = open_below_mount(&opened, group);
    if (r < 0) {
        _cleanup_(cleanup_free) char *what = NULL;
        explain(text_printf(&what, "unit %s", unit) == 0 ? what : unit, error.message, r, ret_message);
        tree_done(&opened);
    } else
        *tree = opened;
    sd_bus_error_free(&error);
    sd_bus_flush_close_unref(bus);
    return r < 0 ? r : 0;
}

bool tree_is_kept(const Tree *tree) {
    if (!tree->unit)
        return true;
    sd_bus *bus = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    _cleanup_(cleanup_free) char *object = NULL, *state = NULL;

    int r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = unit_object(bus, tree->unit, &object, &error);
    if (r >= 0)
        r = unit_string(bus, object, SYSTEMD ".Unit", "ActiveState", &state);
    sd_bus_error_free(&error);
    sd_bus_flush_close_unref(bus);
    return r >= 0 && strcmp(state, "active") == 0;
}

/* --- schema ------------------------------------------------------------------------------------------------------ */

#define SCHEMA_XATTR "trusted.supervisord.schema"

/* A text that is no number is nothing that we have written, nor can read. */
unsigned tree_schema(const Tree *tree) {
    char text[16];
    uint64_t schema;
    ssize_t length = fgetxattr(tree->fd, SCHEMA_XATTR, text, sizeof text - 1);
    if (length < 0)
        return errno == ERANGE ? UINT_MAX : 0;
    text[length] = '\0';
    return parse_u64(text, &schema) < 0 || schema > UINT_MAX ? UINT_MAX : (unsigned) schema;
}

int tree_schema_note(const Tree *tree) {
    char text[16];
    int length = snprintf(text, sizeof text, "%d", TREE_SCHEMA);
    return fsetxattr(tree->fd, SCHEMA_XATTR, text, (size_t) length, 0) < 0 ? -errno : 0;
}

/* --- without systemd --------------------------------------------------------------------------------------------- */

/* Controllers reach the tree only when every directory above enables them; what cannot be enabled is a probe's matter. */
static int make_directories(int mount_fd, char *below, int *ret_fd) {
    _cleanup_(cleanup_close) int fd = fcntl(mount_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;
    for (char *name = strtok(below, "/"); name; name = strtok(NULL, "/")) {
        uint32_t available, enabled;
        int child;
        bool created;
        if (cgroup_controllers(fd, &available, &enabled) == 0)
            cgroup_controllers_enable(fd, available & ~enabled);
        int r = cgroup_make(fd, name, &child, &created);
        if (r < 0)
            return r;
        close(fd);
        fd = child;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int open_directory(Tree *tree, const char *path) {
    int r = tree_find_mount(&tree->mount);
    if (r < 0)
        return r;
    size_t length = strlen(tree->mount);
    if (strncmp(path, tree->mount, length) == 0 && path[length] == '/')
        path += length;
    r = text_printf(&tree->path, "%s%s%s", tree->mount, *path == '/' ? "" : "/", path);
    if (r < 0)
        return r;

    _cleanup_(cleanup_close) int mount_fd = -1;
    _cleanup_(cleanup_free) char *below = strdup(tree->path + length);
    if (!below)
        return -ENOMEM;
    r = cgroup_open(AT_FDCWD, tree->mount, &mount_fd);
    if (r == 0 && tree_is_read_only(tree->mount))
        r = -EROFS;
    return r < 0 ? r : make_directories(mount_fd, below, &tree->fd);
}

int tree_open_path(Tree *tree, const char *path, char **ret_message) {
    Tree opened = TREE_NULL;
    int r = open_directory(&opened, path);
    if (r < 0) {
        _cleanup_(cleanup_free) char *what = NULL;
        explain(text_printf(&what, "cannot open the tree %s", path) == 0 ? what : path, NULL, r, ret_message);
        tree_done(&opened);
        return r;
    }
    *tree = opened;
    return 0;
}
