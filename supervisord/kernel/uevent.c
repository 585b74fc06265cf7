/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel's own events, not udev's: there may be no udev, and what we ask of a disk is there before it is announced.
 * NETLINK_KOBJECT_UEVENT, lib/kobject_uevent.c: "add@/devices/...", then KEY=value, each ended by NUL.
 */

#include "kernel/uevent.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

enum {
    KERNEL_GROUP = 1, /* 2 is what udev makes of it */
    EVENT_BYTES_MAX = 8 * 1024,
    FIRST_BYTES_MAX = 128, /* of the first text; events with a longer one all pass */
};

/* --- which events wake us ---------------------------------------------------------------------------------------- */

#define WORD(a, b, c, d) ((uint32_t) (a) << 24 | (uint32_t) (b) << 16 | (uint32_t) (c) << 8 | (uint32_t) (d))

/*
 * After "ACTION@PATH" come "ACTION=", "DEVPATH=" and "SUBSYSTEM=". So where the last begins follows from the length of the
 * first, which is sought byte by byte: there are no loops in a classic filter, but it may be long (20 KiB as the kernel
 * translates it, net.core.optmem_max before Linux 6.9). What is not laid out so passes, and is looked at by
 * uevent_read_disks(); and so does all where no filter can be had, which only costs wake-ups.
 */
static void pass_disks_only(int fd) {
    struct sock_filter code[4 * FIRST_BYTES_MAX + 9], *next = code;
    for (uint32_t length = 0; length < FIRST_BYTES_MAX; length++) {
        uint32_t subsystem = 2 * length + sizeof "ACTION=DEVPATH=" + 1,
                 instructions_left = 4 * (FIRST_BYTES_MAX - 1 - length);
        *next++ = (struct sock_filter) BPF_STMT(BPF_LD | BPF_B | BPF_ABS, length);
        *next++ = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, '\0', 0, 2);
        *next++ = (struct sock_filter) BPF_STMT(BPF_LDX | BPF_IMM, subsystem);
        *next++ = (struct sock_filter) BPF_STMT(BPF_JMP | BPF_JA, instructions_left + 1);
    }
    const struct sock_filter judge[] = {
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORD('S', 'U', 'B', 'S'), 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_IND, sizeof "SUBSYSTE" - 1),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORD('M', '=', 'b', 'l'), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_IND, sizeof "SUBSYSTEM=bl" - 1),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WORD('o', 'c', 'k', '\0'), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    memcpy(next, judge, sizeof judge);
    const struct sock_fprog filter = { .len = sizeof code / sizeof *code, .filter = code };
    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

/* --- the socket -------------------------------------------------------------------------------------------------- */

int uevent_open(void) {
    const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
    _cleanup_(cleanup_close) int fd =
            socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    if (fd < 0)
        return -errno;
    pass_disks_only(fd);
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
