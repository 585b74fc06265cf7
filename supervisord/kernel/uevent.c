/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel's own events, not udev's: there may be no udev, and what we ask of a disk is there before it is announced.
 * NETLINK_KOBJECT_UEVENT, lib/kobject_uevent.c: "add@/devices/...", then KEY=value, each ended by NUL.
 */

#include "kernel/uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

enum {
    KERNEL_GROUP = 1, /* 2 is what udev makes of it */
    EVENT_BYTES_MAX = 8 * 1024,
};

int uevent_open(void) {
    const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
    _cleanup_(cleanup_close) int fd =
            socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *) &address, sizeof address) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static bool has(const char *text, size_t length, const char *assignment) {
    for (const char *p = text; p < text + length; p += strlen(p) + 1)
        if (strcmp(p, assignment) == 0)
            return true;
    return false;
}

/* Anybody may send to us; only what comes from port 0 is the kernel's. */
bool uevent_read_disks(int fd) {
    char text[EVENT_BYTES_MAX + 1];
    bool disks = false;
    for (;;) {
        struct sockaddr_nl from = {};
        socklen_t from_length = sizeof from;
        ssize_t length = recvfrom(fd, text, sizeof text - 1, 0, (struct sockaddr *) &from, &from_length);
        if (length < 0 && errno == ENOBUFS)
            disks = true; /* some were missed */
        else if (length < 0)
            return disks;
        else if (from.nl_pid == 0) {
            text[length] = '\0';
            disks = disks || (has(text, length, "SUBSYSTEM=block") && has(text, length, "DEVTYPE=disk"));
        }
    }
}
