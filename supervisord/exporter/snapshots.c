/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Asking the daemon, with a deadline: one that hangs must not hang the scrapers for longer. */

#include "exporter/snapshots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "serve/protocol.h"

enum { FETCH_TIMEOUT_USEC = 2 * 1000 * 1000 };

static const char *const content_types[EXPOSITION_FORMATS_COUNT] = {
    [EXPOSITION_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
    [EXPOSITION_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

static uint64_t now_usec(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / NSEC_PER_USEC;
}

static uint64_t usec_until(uint64_t deadline_usec) {
    uint64_t now = now_usec();
    return now < deadline_usec ? deadline_usec - now : 0;
}

static int connect_unix(const char *path, int *ret_fd) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);

    _cleanup_(cleanup_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) < 0)
        return -errno;

    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* sd_bus_call() alone would wait for the end of authentication far longer than our deadline. */
static int wait_ready(sd_bus *bus, uint64_t deadline_usec) {
    int r;

    while ((r = sd_bus_is_ready(bus)) == 0) {
        uint64_t left_usec = usec_until(deadline_usec);
        if (left_usec == 0)
            return -ETIMEDOUT;
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, left_usec);
        if (r < 0)
            return r;
    }
    return r;
}

static int open_bus(const char *path, uint64_t deadline_usec, sd_bus **ret) {
    _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(cleanup_close) int fd = -1;
    int r = connect_unix(path, &fd);
    if (r < 0)
        return r;

    r = sd_bus_new(&bus);
    if (r >= 0)
        r = sd_bus_set_fd(bus, fd, fd);
    if (r < 0)
        return r;
    TAKE_FD(fd);
    r = sd_bus_start(bus);
    if (r >= 0)
        r = wait_ready(bus, deadline_usec);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(bus);
    return 0;
}

static int fetch(const char *path, ExpositionFormat format, sd_bus_message **ret) {
    _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
    uint64_t deadline_usec = now_usec() + FETCH_TIMEOUT_USEC;
    int r = open_bus(path, deadline_usec, &bus);

    if (r >= 0)
        r = sd_bus_message_new_method_call(bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Snapshot");
    if (r >= 0)
        r = sd_bus_message_append(call, "s", exposition_format_name(format));
    if (r >= 0)
        r = sd_bus_call(bus, call, usec_until(deadline_usec) + 1 /* 0 would mean the default */, NULL, ret);
    return r;
}

static int fetch_response(const char *path, ExpositionFormat format, struct MHD_Response **ret) {
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const void *text;
    size_t size;
    int r = fetch(path, format, &reply);
    if (r >= 0)
        r = sd_bus_message_read_array(reply, 'y', &text, &size);
    if (r < 0)
        return r;

    struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *) text, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return -ENOMEM;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_types[format]);
    MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
    *ret = response;
    return 0;
}

static void say_if_changed(Snapshots *snapshots, int error) {
    bool is_away = error < 0;

    if (is_away && !snapshots->is_away)
        fprintf(stderr, "supervisord-exporter: no answer at %s: %s\n", snapshots->socket_path, strerror(-error));
    else if (!is_away && snapshots->is_away)
        fprintf(stderr, "supervisord-exporter: %s answers again\n", snapshots->socket_path);
    snapshots->is_away = is_away;
}

static void forget(Snapshot *snapshot) {
    if (snapshot->response)
        MHD_destroy_response(snapshot->response);
    snapshot->response = NULL;
}

struct MHD_Response *snapshots_get(Snapshots *snapshots, ExpositionFormat format) {
    Snapshot *snapshot = &snapshots->items[format];

    if (snapshot->asked_usec > 0 && now_usec() < snapshot->asked_usec + snapshots->interval_usec)
        return snapshot->response;

    forget(snapshot);
    int r = fetch_response(snapshots->socket_path, format, &snapshot->response);
    snapshot->asked_usec = now_usec();
    say_if_changed(snapshots, r);
    return snapshot->response;
}

void snapshots_done(Snapshots *snapshots) {
    for (ExpositionFormat format = 0; format < EXPOSITION_FORMATS_COUNT; format++)
        forget(&snapshots->items[format]);
}
