/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "live/made-up-daemon.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "serve/protocol.h"
#include "unit/check.h"

atomic_uint *n_calls;

static int on_snapshot(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    Manner manner = *(const Manner *) userdata;

    atomic_fetch_add(n_calls, 1);
    if (manner == MANNER_ERROR)
        return sd_bus_error_set(error, CONTROL_ERROR_FAILED, "no");
    if (manner == MANNER_SILENT)
        return 1;

    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    const char *format, *text;
    CHECK(sd_bus_message_read(call, "s", &format) >= 0);
    text = strcmp(format, CONTROL_FORMAT_OPENMETRICS) == 0 ? OPENMETRICS : METRICS;
    CHECK(sd_bus_message_new_method_return(call, &reply) >= 0);
    if (manner == MANNER_STRANGE)
        CHECK(sd_bus_message_append(reply, "s", text) >= 0);
    else
        CHECK(sd_bus_message_append_array(reply, 'y', text, strlen(text)) >= 0);
    return sd_bus_send(NULL, reply, NULL);
}

#define VTABLE(answer)                                                                                           \
    {                                                                                                            \
        SD_BUS_VTABLE_START(0), SD_BUS_METHOD("Snapshot", "s", answer, on_snapshot, SD_BUS_VTABLE_UNPRIVILEGED), \
                SD_BUS_VTABLE_END,                                                                               \
    }
static const sd_bus_vtable good_vtable[] = VTABLE("ay"), strange_vtable[] = VTABLE("s");

static void serve_peer(int fd, Manner *manner) {
    _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
    sd_id128_t id;
    int r;

    CHECK(sd_id128_randomize(&id) >= 0 && sd_bus_new(&bus) >= 0);
    CHECK(sd_bus_set_fd(bus, fd, fd) >= 0 && sd_bus_set_server(bus, true, id) >= 0);
    CHECK(sd_bus_set_anonymous(bus, true) >= 0);
    CHECK(sd_bus_add_object_vtable(bus, NULL, CONTROL_PATH, CONTROL_INTERFACE,
                  *manner == MANNER_STRANGE ? strange_vtable : good_vtable, manner) >= 0);
    CHECK(sd_bus_start(bus) >= 0);
    while ((r = sd_bus_process(bus, NULL)) >= 0)
        if (r == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)
            break;
}

pid_t start_daemon(const char *path, Manner manner) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, path);
    unlink(path);
    CHECK_EQ(bind(fd, (struct sockaddr *) &address, sizeof address), 0);
    CHECK_EQ(listen(fd, 8), 0);
    CHECK_EQ(chmod(path, 0666), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            if (manner == MANNER_DEAF)
                pause();
            serve_peer(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), &manner);
        }
    }
    close(fd);
    return pid;
}

void stop_daemon(pid_t pid, const char *path) {
    kill(pid, SIGKILL);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    unlink(path);
}
