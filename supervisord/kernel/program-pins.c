/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Our names in a bpf file system. Maps are pinned by their name, links as "link_NAME". A pin is replaced by renaming a
 * new one over it, so that at every instant one of the two is there.
 */

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/crash-point.h"
#include "kernel/programs-internal.h"

static int pin_path(char path[static PATH_MAX], const char *pin_dir, const char *prefix, const char *name) {
    int n = snprintf(path, PATH_MAX, "%s/%s%s", pin_dir, prefix, name);

    return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int make_directories(char *path) {
    char *slash;
    int r;

    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    if (errno != ENOENT || !(slash = strrchr(path, '/')) || slash == path)
        return -errno;
    *slash = '\0';
    r = make_directories(path);
    *slash = '/';
    if (r < 0)
        return r;
    return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static bool nearest_is_bpffs(const char *pin_dir) {
    char path[PATH_MAX], *slash;
    struct statfs fs;

    if (strlen(pin_dir) >= sizeof(path))
        return false;
    strcpy(path, pin_dir);
    while (statfs(path, &fs) < 0) {
        slash = strrchr(path, '/');
        if (errno != ENOENT || !slash || slash == path)
            return false;
        *slash = '\0';
    }
    return (unsigned) fs.f_type == BPF_FS_MAGIC;
}

/* Where nobody has mounted it yet; systemd does so on its hosts, with these very options. */
static bool mount_bpffs(const char *pin_dir) {
    static const char place[] = "/sys/fs/bpf";

    return strncmp(pin_dir, place, sizeof(place) - 1) == 0 &&
           mount("bpf", place, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") == 0;
}

int pins_open(const char *pin_dir, char *reason) {
    char path[PATH_MAX];
    int r;

    if (!nearest_is_bpffs(pin_dir) && !mount_bpffs(pin_dir)) {
        set_reason(reason, "not pinned: no bpf file system is mounted at %s", pin_dir);
        return -EMEDIUMTYPE;
    }
    snprintf(path, sizeof(path), "%s", pin_dir);
    r = make_directories(path);
    if (r == 0 && chmod(pin_dir, 0700) < 0)
        r = -errno;
    if (r < 0)
        set_reason(reason, "not pinned: %s: %s", pin_dir, strerror(-r));
    return r;
}

int pin_get(const char *pin_dir, const char *prefix, const char *name) {
    char path[PATH_MAX];
    int fd, r;

    r = pin_path(path, pin_dir, prefix, name);
    if (r < 0)
        return r;
    fd = bpf_obj_get(path);
    return fd < 0 ? -errno : fd;
}

int pin_replace(const char *pin_dir, const char *prefix, const char *name, int fd) {
    char path[PATH_MAX], fresh[PATH_MAX];
    int r;

    r = pin_path(path, pin_dir, prefix, name);
    if (r == 0)
        r = pin_path(fresh, pin_dir, "new_", name);
    if (r < 0)
        return r;
    unlink(fresh);
    if (bpf_obj_pin(fd, fresh) < 0)
        return -errno;
    if (rename(fresh, path) < 0) {
        r = -errno;
        unlink(fresh);
        return r;
    }
    return 0;
}

int pin_remove(const char *pin_dir, const char *prefix, const char *name) {
    char path[PATH_MAX];
    int r;

    r = pin_path(path, pin_dir, prefix, name);
    if (r < 0)
        return r;
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_pins(const char *dir, const char *prefix) {
    DIR *directory = opendir(dir);
    int error = 0;

    if (!directory)
        return errno == ENOENT ? 0 : -errno;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
                unlinkat(dirfd(directory), entry->d_name, 0) < 0 && errno != ENOENT)
            error = error ?: -errno;
    closedir(directory);
    return error;
}

/* Links first: a program must not go on counting into maps that nobody can find. */
int pins_remove(const char *pin_dir) {
    int error = remove_pins(pin_dir, "link_");

    crash_point("links of a layout removed");
    error = error ?: remove_pins(pin_dir, "");
    return error ?: rmdir(pin_dir) < 0 && errno != ENOENT ? -errno : 0;
}
