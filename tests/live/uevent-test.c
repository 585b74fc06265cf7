/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What wakes who waits for disks: a disk's event, and not those of network interfaces, which another socket hears. The interface
 * is in a namespace of the test's own; the event is one that a disk of this machine is asked to repeat.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "kernel/uevent.h"
#include "tests/live/network-fixture.h"

enum { PATIENCE_MSEC = 20000 };

static int open_to_all(void) {
    const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

    CHECK(fd >= 0);
    CHECK_EQ(bind(fd, (const struct sockaddr *) &address, sizeof address), 0);
    return fd;
}

static int wait_readable(int fd, int timeout_msec) {
    return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, timeout_msec);
}

/* The next event, which stays to be read. Its first text is "ACTION@PATH". */
static void receive(int fd, char *text, size_t size) {
    CHECK_EQ(wait_readable(fd, PATIENCE_MSEC), 1);
    ssize_t length = recv(fd, text, size - 1, MSG_PEEK);
    CHECK(length > 0);
    text[length] = '\0';
}

/* Modules may be loaded for an interface. */
static void receive_interface(int fd) {
    char text[8192];

    for (;;) {
        receive(fd, text, sizeof text);
        if (strcmp(text, "add@/devices/virtual/net/svtest0") == 0)
            return;
        recv(fd, text, sizeof text, 0);
    }
}

static void announce_disk(void) {
    DIR *disks = opendir("/sys/block");
    const struct dirent *entry = disks ? readdir(disks) : NULL;
    char path[512];

    while (entry && entry->d_name[0] == '.')
        entry = readdir(disks);
    if (entry)
        snprintf(path, sizeof path, "%s/uevent", entry->d_name);
    int r = entry ? file_write_at(dirfd(disks), path, "change") : -ENOENT;
    if (r < 0) {
        printf("skipped: no disk of this machine repeats its event: %s\n", strerror(-r));
        exit(EXIT_SKIP);
    }
    closedir(disks);
}

int main(void) {
    char text[8192];
    Links *links = lab_open();
    int all_fd = open_to_all(), fd = uevent_open();

    CHECK(fd >= 0);
    CHECK_EQ(links_bridge_make(links, &lab), 0);
    receive_interface(all_fd);
    CHECK_EQ(wait_readable(fd, 0), 0);
    CHECK(!uevent_read_disks(fd));

    announce_disk();
    receive(fd, text, sizeof text);
    CHECK(strncmp(text, "change@/devices/", strlen("change@/devices/")) == 0);
    CHECK(uevent_read_disks(fd));
    CHECK_EQ(wait_readable(fd, 0), 0);
    close(fd);
    close(all_fd);
    links_close(links);
    return EXIT_SUCCESS;
}
