/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Block devices as limits want them. io.max refuses partitions, so every path means the whole disk that carries it. */

#include <stddef.h>

#include "model/filter.h"
#include "model/knob.h"

typedef struct DeviceNumber {
    unsigned major, minor;
} DeviceNumber;

enum { DISKS_MAX = 256 }; /* of a machine; those above are not found */

/*
 * path: a block device, a partition of it, or any file or directory (then the disk below its file system).
 * -ENODEV: its file system has no single block device (tmpfs, overlay, btrfs over many).
 */
int device_resolve(const char *path, unsigned *ret_major, unsigned *ret_minor);
/*
 * Fills in which devices a DeviceAllow= means: a node below /dev/ (a link to one too), /dev/char/MAJOR:MINOR and
 * /dev/block/MAJOR:MINOR whether they are there or not, and groups of /proc/devices. None when there is no such device.
 */
int device_numbers_resolve(DeviceNumbers *numbers);
/* "vdb"; "254:16" when the kernel knows no name. */
const char *device_name(unsigned major, unsigned minor, char *buffer, size_t size);
/* The whole disks of the machine that are hardware of their own: no loop, ram or stacked devices. Their number. */
size_t device_disks(DeviceNumber ret[static DISKS_MAX]);
/* What shares the disk out by weights; mount: of cgroup2. */
Weigher device_weigher(const char *mount, unsigned major, unsigned minor);
