/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The socket, and who may connect. sd-bus is in the files api*.c alone, so that another protocol can take its place. Who a
 * peer is was settled when it connected, by the kernel's word (SO_PEERCRED, SO_PEERPIDFD), not by anything it says.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "serve/api-internal.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* Processes that we supervise must not steer us, not even root's. */
static bool lives_in_tree(const Api *api, pid_t pid) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int) pid);
    if (file_read_at(AT_FDCWD, path, text, sizeof text) < 0)
        return true; /* cannot be told: the lesser right */
    return strlen(api->tree_path) > 1 && proc_cgroup_is_within(text, api->tree_path);
}

static bool has_ended(int pidfd) {
    return poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, 0) != 0;
}

/* Alive still after the look at its pid: so it was looked at itself, and not a later bearer. Kernels before 6.5 cannot tell. */
static bool peer_lives_in_tree(const Api *api, int fd, pid_t pid) {
    _cleanup_(cleanup_close) int pidfd = -1;
    socklen_t length = sizeof pidfd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) < 0 && errno != ENOPROTOOPT)
        return true;
    return lives_in_tree(api, pid) || (pidfd >= 0 && has_ended(pidfd));
}

static bool peer_may_change(const Api *api, int fd) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
        return false;
    return credentials.uid == 0 && !peer_lives_in_tree(api, fd, credentials.pid);
}

/* Left in the queue, it would wake the loop without end. */
static void turn_away(Api *api, int listen_fd) {
    api->spare_fd = close_fd(api->spare_fd);
    close_fd(accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC));
    api->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int on_listen(sd_event_source *source, int listen_fd, uint32_t events, void *userdata) {
    Api *api = userdata;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        turn_away(api, listen_fd);
    if (fd < 0)
        return 0;
    bool may_change = peer_may_change(api, fd);
    if (api->n_peers[may_change] >= API_PEERS_MAX)
        close(fd);
    else
        peer_accept(api, fd, may_change);
    return 0;
}

static int listen_at(const char *path, const char *group) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    _cleanup_(cleanup_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    unlink(path);
    if (fchmod(fd, 0660) < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0 || chmod(path, 0660) < 0)
        return -errno;
    const struct group *entry = group ? getgrnam(group) : NULL;
    if (entry && chown(path, 0, entry->gr_gid) < 0)
        return -errno;
    return listen(fd, SOMAXCONN) < 0 ? -errno : TAKE_FD(fd);
}

int api_new(sd_event *event, const char *path, int listen_fd, const char *group, const char *tree_path,
        const ApiBackend *backend, Api **ret) {
    _cleanup_(cleanup_close) int fd = listen_fd >= 0 ? listen_fd : listen_at(path, group);
    if (fd < 0)
        return fd;
    _cleanup_(cleanup_api_free) Api *api = calloc(1, sizeof *api);
    if (!api)
        return -ENOMEM;
    api->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    api->event = sd_event_ref(event);
    api->backend = *backend;
    api->tree_path = strdup(tree_path);
    if (!api->tree_path)
        return -ENOMEM;
    int r = sd_event_add_io(event, &api->listen_source, fd, EPOLLIN, on_listen, api);
    if (r >= 0)
        r = sd_event_source_set_io_fd_own(api->listen_source, true);
    if (r < 0)
        return r;
    TAKE_FD(fd);
    sd_event_source_set_description(api->listen_source, "control-socket");
    r = sd_event_add_post(event, &api->follow_source, follow_look, api);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(api);
    return 0;
}

Api *api_free(Api *api) {
    if (!api)
        return NULL;
    while (api->peers)
        peer_remove(api->peers);
    sd_event_source_disable_unref(api->follow_source);
    sd_event_source_disable_unref(api->listen_source);
    sd_event_unref(api->event);
    close_fd(api->spare_fd);
    free(api->tree_path);
    free(api);
    return NULL;
}
