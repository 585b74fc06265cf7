/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Paths to whole disks, on whatever block devices this machine has. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "kernel/device.h"
#include "tests/unit/check.h"

static void test_no_disk(void) {
    unsigned disk_major = 7, disk_minor = 7;

    CHECK_EQ(device_resolve("/nonexistent", &disk_major, &disk_minor), -ENOENT);
    CHECK_EQ(device_resolve("/proc", &disk_major, &disk_minor), -ENODEV);
    CHECK_EQ(device_resolve("/proc/self/stat", &disk_major, &disk_minor), -ENODEV);
    CHECK_EQ(device_resolve("/dev/null", &disk_major, &disk_minor), -ENODEV);
    CHECK_EQ(disk_major, 7);
    CHECK_EQ(disk_minor, 7);
}

static void test_name_unknown(void) {
    char name[64];

    CHECK_STREQ(device_name(4095, 1048575, name, sizeof(name)), "4095:1048575");
    CHECK_STREQ(device_name(4095, 1048575, name, 4), "409");
}

/* The directory of a partition lies in that of its disk, whose name the partition's begins with. */
static void check_disk_of(const char *entry) {
    char path[PATH_MAX], name[64];
    unsigned disk_major, disk_minor;
    struct stat status;

    snprintf(path, sizeof(path), "/dev/%s", entry);
    if (stat(path, &status) < 0 || !S_ISBLK(status.st_mode))
        return;
    CHECK_EQ(device_resolve(path, &disk_major, &disk_minor), 0);
    device_name(disk_major, disk_minor, name, sizeof(name));

    snprintf(path, sizeof(path), "/sys/class/block/%s/partition", entry);
    if (access(path, F_OK) < 0) {
        CHECK_STREQ(name, entry);
        return;
    }
    CHECK(strncmp(name, entry, strlen(name)) == 0 && strlen(name) < strlen(entry));
    snprintf(path, sizeof(path), "/sys/class/block/%s/%s", name, entry);
    CHECK(access(path, F_OK) == 0);
}

static void test_every_disk(void) {
    _cleanup_(cleanup_closedir) DIR *directory = opendir("/sys/class/block");
    struct dirent *entry;

    while (directory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            check_disk_of(entry->d_name);
}

/* A file lies where its directory does. */
static void test_file_system(void) {
    unsigned directory_major = 0, directory_minor = 0, file_major = 0, file_minor = 0;

    int r = device_resolve("/usr/bin", &directory_major, &directory_minor);
    CHECK(r == 0 || r == -ENODEV);
    CHECK_EQ(device_resolve("/usr/bin/env", &file_major, &file_minor), r);
    CHECK_EQ(file_major, directory_major);
    CHECK_EQ(file_minor, directory_minor);
}

int main(void) {
    test_no_disk();
    test_name_unknown();
    test_every_disk();
    test_file_system();
    return EXIT_SUCCESS;
}
