/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One poll for all: the connection, signals, our terminal and the other one. */

#include "tools/supctl/attend.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/strv.h"

int attend_signals(const int *signals, size_t n) {
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

static int take_signal(Attendance *a, int signal_fd) {
    struct signalfd_siginfo info;

    if (read(signal_fd, &info, sizeof(info)) < 0)
        return errno == EAGAIN ? 0 : -errno;
    if (info.ssi_signo == SIGWINCH) {
        if (a->pty)
            pty_resize(a->pty);
        return 0;
    }
    return a->on_signal(a->userdata, (int) info.ssi_signo);
}

static int wait_for_event(Attendance *a, int signal_fd) {
    enum { BUS, SIGNAL, MASTER, INPUT };
    int events = sd_bus_get_events(a->bus), r = 0;
    struct pollfd fds[] = {
        [BUS] = { .fd = sd_bus_get_fd(a->bus), .events = (short) events },
        [SIGNAL] = { .fd = signal_fd, .events = POLLIN },
        [MASTER] = { .fd = a->pty && !a->pty->hung_up ? a->pty->master_fd : -1,
                .events = a->pty ? pty_master_events(a->pty) : 0 },
        [INPUT] = { .fd = a->pty && pty_wants_input(a->pty) ? STDIN_FILENO : -1, .events = POLLIN },
    };

    if (events < 0)
        return events;
    if (poll(fds, ELEMENTSOF(fds), -1) < 0)
        return errno == EINTR ? 0 : -errno;
    if (fds[INPUT].revents)
        pty_read_input(a->pty);
    if (fds[MASTER].revents)
        r = pty_copy(a->pty, fds[MASTER].revents);
    return r < 0 ? r : take_signal(a, signal_fd);
}

int attend(Attendance *a, int signal_fd) {
    while (!a->answered) {
        int r = sd_bus_process(a->bus, NULL);

        if (r == 0)
            r = wait_for_event(a, signal_fd);
        if (r < 0)
            return r;
    }
    return a->pty ? pty_drain(a->pty) : 0;
}
