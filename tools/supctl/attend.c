/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One poll for all: the connection, signals, our terminal and the other one. */

#include "tools/supctl/attend.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/strv.h"
#include "tools/supctl/client.h"
#include "tools/supctl/pty.h"
#include "tools/supctl/text.h"

typedef struct Presence {
    const Attendance *attendance;
    Pty *pty; /* NULL: none */
    int signal_fd;
    bool answered;
    int status; /* once answered */
} Presence;

/* Blocks the signals and gives a descriptor of them. */
static int open_signals(const int *signals, size_t n) {
    struct sigaction action;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < n; i++)
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

static int take_signal(Presence *p) {
    struct signalfd_siginfo info;

    if (read(p->signal_fd, &info, sizeof(info)) < 0)
        return errno == EAGAIN ? 0 : -errno;
    if (info.ssi_signo == SIGWINCH) {
        if (p->pty)
            pty_resize(p->pty);
        return 0;
    }
    return p->attendance->on_signal(p->attendance->userdata, (int) info.ssi_signo);
}

static int wait_for_event(Presence *p) {
    enum { BUS, SIGNAL, MASTER, INPUT };
    sd_bus *bus = p->attendance->bus;
    int events = sd_bus_get_events(bus), r = 0;
    struct pollfd fds[] = {
        [BUS] = { .fd = sd_bus_get_fd(bus), .events = (short) events },
        [SIGNAL] = { .fd = p->signal_fd, .events = POLLIN },
        [MASTER] = { .fd = p->pty && !p->pty->hung_up ? p->pty->master_fd : -1,
                .events = p->pty ? pty_master_events(p->pty) : 0 },
        [INPUT] = { .fd = p->pty && pty_wants_input(p->pty) ? STDIN_FILENO : -1, .events = POLLIN },
    };

    if (events < 0)
        return events;
    if (poll(fds, ELEMENTSOF(fds), -1) < 0)
        return errno == EINTR ? 0 : -errno;
    if (fds[INPUT].revents)
        pty_read_input(p->pty);
    if (fds[MASTER].revents)
        r = pty_copy(p->pty, fds[MASTER].revents);
    return r < 0 ? r : take_signal(p);
}

static int stay(Presence *p) {
    while (!p->answered) {
        int r = sd_bus_process(p->attendance->bus, NULL);

        if (r == 0)
            r = wait_for_event(p);
        if (r < 0)
            return r;
    }
    return p->pty ? pty_drain(p->pty) : 0;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    Presence *p = userdata;

    p->answered = true;
    p->status = p->attendance->on_answer(p->attendance->userdata, reply);
    return 0;
}

static int send_call(Presence *p) {
    static const int ours[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
    int slave = p->pty ? p->pty->slave_fd : -1, terminal[] = { slave, slave, slave };
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    int r = p->attendance->compose(p->attendance->userdata, p->pty ? terminal : ours, &call);

    return r < 0 ? r : sd_bus_call_async(p->attendance->bus, NULL, call, on_answer, p, CALL_ACTS);
}

static int send_and_stay(Presence *p) {
    int r = send_call(p);

    if (r >= 0 && p->pty) {
        r = sd_bus_flush(p->attendance->bus);
        pty_handed_over(p->pty);
    }
    return r < 0 ? r : stay(p);
}

static int attend_in_terminal(Presence *p) {
    Pty pty = PTY_NULL;
    int r = pty_open(&pty);

    p->pty = &pty;
    if (r >= 0)
        r = send_and_stay(p);
    pty_close(&pty);
    return r;
}

int attend(const Attendance *attendance) {
    _cleanup_(cleanup_close) int signal_fd = open_signals(attendance->signals, attendance->n_signals);
    Presence presence = { .attendance = attendance, .signal_fd = signal_fd };
    int r = signal_fd;

    if (r >= 0)
        r = attendance->pty ? attend_in_terminal(&presence) : send_and_stay(&presence);
    if (r < 0) {
        complain("%s: %s", attendance->name, strerror(-r));
        return EXIT_FAILURE;
    }
    return presence.status;
}
