/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From a path to the whole disk that carries it. A stacked device (device mapper, md, loop) stays itself: it has a queue
 * and an io.max of its own.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "kernel/device.h"

enum {
    SYSFS_PATH_SIZE = sizeof("/sys/dev/block/4294967295:4294967295/partition"),
    DEVICES_TEXT_MAX = 16384,
};

DEFINE_CLEANUP(FILE *, fclose);

static bool is_partition(DeviceNumber device) {
    char path[SYSFS_PATH_SIZE];

    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition", device.major, device.minor);
    return access(path, F_OK) == 0;
}

static int whole_disk(DeviceNumber device, DeviceNumber *ret) {
    char path[SYSFS_PATH_SIZE], text[32];
    DeviceNumber disk;

    if (!is_partition(device)) {
        *ret = device;
        return 0;
    }
    /* The entry is a link into the disk's own directory: `..` of it is the disk. */
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/../dev", device.major, device.minor);
    ssize_t length = file_read_at(AT_FDCWD, path, text, sizeof(text));
    if (length < 0)
        return length;
    if (sscanf(text, "%u:%u", &disk.major, &disk.minor) != 2)
        return -EBADMSG;
    *ret = disk;
    return 0;
}

/* "36 35 98:0 /root /mnt rw,noatime master:1 - ext4 /dev/sda1 rw": the source of the mount with this id. proc_pid_mountinfo(5). */
static int mount_source(uint64_t mount_id, char **ret) {
    _cleanup_(cleanup_fclose) FILE *mounts = fopen("/proc/self/mountinfo", "re");
    _cleanup_(cleanup_free) char *line = NULL;
    size_t size = 0;

    if (!mounts)
        return -errno;
    while (getline(&line, &size, mounts) > 0) {
        const char *separator = strstr(line, " - ");

        if (strtoull(line, NULL, 10) == mount_id && separator)
            return sscanf(separator, " - %*s %ms", ret) == 1 ? 0 : -ENODEV;
    }
    return -ENODEV;
}

static bool spans_devices(const char *path) {
    struct btrfs_ioctl_fs_info_args info = { 0 };

    _cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd >= 0 && ioctl(fd, BTRFS_IOC_FS_INFO, &info) == 0 && info.num_devices > 1;
}

/* A file system with a device number that is no device's: what it was mounted from may be one all the same (btrfs). */
static int mounted_device(const char *path, const struct statx *file, DeviceNumber *ret) {
    _cleanup_(cleanup_free) char *source = NULL;
    struct stat node;

    if (!(file->stx_mask & STATX_MNT_ID))
        return -ENODEV;
    int r = mount_source(file->stx_mnt_id, &source);
    if (r < 0)
        return r;
    if (source[0] != '/' || stat(source, &node) < 0 || !S_ISBLK(node.st_mode) || spans_devices(path))
        return -ENODEV;

    *ret = (DeviceNumber){ major(node.st_rdev), minor(node.st_rdev) };
    return 0;
}

static int carrying_device(const char *path, DeviceNumber *ret) {
    struct statx file;

    if (statx(AT_FDCWD, path, 0, STATX_TYPE | STATX_MNT_ID, &file) < 0)
        return -errno;

    if (S_ISBLK(file.stx_mode))
        *ret = (DeviceNumber){ file.stx_rdev_major, file.stx_rdev_minor };
    else if (file.stx_dev_major != 0)
        *ret = (DeviceNumber){ file.stx_dev_major, file.stx_dev_minor };
    else
        return mounted_device(path, &file, ret);
    return 0;
}

int device_resolve(const char *path, unsigned *ret_major, unsigned *ret_minor) {
    DeviceNumber device, disk = {};

    int r = carrying_device(path, &device);
    if (r < 0)
        return r;
    r = whole_disk(device, &disk);
    if (r < 0)
        return r;

    *ret_major = disk.major;
    *ret_minor = disk.minor;
    return 0;
}

static int device_numbers_of_path(DeviceNumbers *numbers) {
    unsigned device_major, device_minor;
    struct stat node;

    if (sscanf(numbers->specifier, "/dev/char/%u:%u", &device_major, &device_minor) == 2)
        return device_numbers_add(numbers, DEVICE_CHAR, device_major, device_minor);
    if (sscanf(numbers->specifier, "/dev/block/%u:%u", &device_major, &device_minor) == 2)
        return device_numbers_add(numbers, DEVICE_BLOCK, device_major, device_minor);
    if (stat(numbers->specifier, &node) < 0 || !(S_ISCHR(node.st_mode) || S_ISBLK(node.st_mode)))
        return 0;
    return device_numbers_add(
            numbers, S_ISCHR(node.st_mode) ? DEVICE_CHAR : DEVICE_BLOCK, major(node.st_rdev), minor(node.st_rdev));
}

int device_numbers_resolve(DeviceNumbers *numbers) {
    char text[DEVICES_TEXT_MAX];

    ssize_t length = file_read_at(AT_FDCWD, "/proc/devices", text, sizeof(text));
    int r = length < 0 ? (int) length : device_numbers_of_groups(numbers, text);
    return r == -EINVAL ? device_numbers_of_path(numbers) : r;
}

const char *device_name(unsigned major, unsigned minor, char *buffer, size_t size) {
    char path[SYSFS_PATH_SIZE], target[PATH_MAX];

    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major, minor);
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    if (length < 0)
        snprintf(buffer, size, "%u:%u", major, minor);
    else {
        target[length] = '\0';
        snprintf(buffer, size, "%s", basename(target));
    }
    return buffer;
}

/* A disk of its own has a device behind it; one that lies behind another (a path of an nvme multipath) has no number. */
static bool is_hardware(const char *name, DeviceNumber *ret) {
    char path[PATH_MAX], text[32];

    snprintf(path, sizeof(path), "/sys/block/%s/device", name);
    if (*name == '.' || access(path, F_OK) < 0)
        return false;
    snprintf(path, sizeof(path), "/sys/block/%s/dev", name);
    return file_read_at(AT_FDCWD, path, text, sizeof(text)) > 0 && sscanf(text, "%u:%u", &ret->major, &ret->minor) == 2;
}

size_t device_disks(DeviceNumber ret[static DISKS_MAX]) {
    size_t n = 0;
    DIR *dir = opendir("/sys/block");

    for (struct dirent *entry; dir && n < DISKS_MAX && (entry = readdir(dir));)
        if (is_hardware(entry->d_name, &ret[n]))
            n++;
    if (dir)
        closedir(dir);
    return n;
}

/* "8:0 enable=1 ctrl=auto ..." */
static bool has_iocost(const char *mount, unsigned major, unsigned minor) {
    char path[PATH_MAX], text[8192], start[32];

    snprintf(path, sizeof(path), "%s/io.cost.qos", mount);
    snprintf(start, sizeof(start), "%u:%u ", major, minor);
    if (file_read_at(AT_FDCWD, path, text, sizeof(text)) <= 0)
        return false;
    for (char *line = text; line; line = (line = strchr(line, '\n')) ? line + 1 : NULL)
        if (strncmp(line, start, strlen(start)) == 0)
            return strncmp(line + strlen(start), "enable=1", strlen("enable=1")) == 0;
    return false;
}

Weigher device_weigher(const char *mount, unsigned major, unsigned minor) {
    char path[SYSFS_PATH_SIZE + sizeof("queue/scheduler")], text[256];

    if (has_iocost(mount, major, minor))
        return WEIGHER_IOCOST;
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/scheduler", major, minor);
    return file_read_at(AT_FDCWD, path, text, sizeof(text)) > 0 && strstr(text, "[bfq]") ? WEIGHER_BFQ : WEIGHER_NONE;
}
