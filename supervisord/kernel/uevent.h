/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the kernel says of disks that come and go. Costs nothing while none does. */

#include <stdbool.h>

/* A descriptor that becomes readable when a block device changes; -errno. */
int uevent_open(void);
/* Reads all that there is; whether a disk was among it. */
bool uevent_read_disks(int fd);
