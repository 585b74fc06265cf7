/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The keeper: the one process of the unit that owns the tree. systemd keeps a delegated cgroup only as long as a
 * process of the unit lives in it, and cgroup v2 wants no processes beside controllers: so it goes into a leaf of its
 * own, says that it is ready, and waits. It lives for ever, hence the C library only and no more than this.
 */

#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LEAF ".keeper"

/* Unified and hybrid hierarchy. systemd(1) */
static const char *cgroup2_mount(void) {
    static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
    struct statfs fs;

    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++)
        if (statfs(mounts[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
            return mounts[i];
    error(EXIT_FAILURE, 0, "no cgroup v2 is mounted");
    return NULL;
}

/* Opens our own cgroup: the line "0::/PATH". */
static int own_cgroup(void) {
    char line[4096], path[sizeof line + 32];
    FILE *file = fopen("/proc/self/cgroup", "re");
    int fd = -1;

    while (fd < 0 && file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::", 3) != 0)
            continue;
        snprintf(path, sizeof path, "%s%s", cgroup2_mount(), line + 3);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        break;
    }
    if (fd < 0)
        error(EXIT_FAILURE, errno, "cannot open the cgroup of this process");
    fclose(file);
    return fd;
}

static void enter_leaf(void) {
    int parent_fd = own_cgroup();

    if (mkdirat(parent_fd, LEAF, 0755) < 0 && errno != EEXIST)
        error(EXIT_FAILURE, errno, "cannot make cgroup " LEAF);
    int fd = openat(parent_fd, LEAF "/cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) < 0)
        error(EXIT_FAILURE, errno, "cannot enter cgroup " LEAF);
    close(fd);
    close(parent_fd);
}

/* sd_notify(3), by hand. A leading '@' stands for an abstract address. */
static void notify_ready(void) {
    static const char message[] = "READY=1";
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = path ? strlen(path) : 0;

    if (length == 0)
        return;
    if (length >= sizeof address.sun_path)
        error(EXIT_FAILURE, ENAMETOOLONG, "NOTIFY_SOCKET");
    memcpy(address.sun_path, path, length);
    if (*path == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + length);
    if (fd < 0 || sendto(fd, message, sizeof message - 1, 0, (struct sockaddr *) &address, size) < 0)
        error(EXIT_FAILURE, errno, "cannot say that we are ready");
    close(fd);
}

int main(int argc, char *argv[]) {
    sigset_t stop;

    if (argc > 1)
        error(EXIT_FAILURE, 0, "takes no arguments: it is started by systemd for supervisord");
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    enter_leaf();
    notify_ready();
    return TEMP_FAILURE_RETRY(sigwaitinfo(&stop, NULL)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
