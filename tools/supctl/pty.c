/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Nothing here waits for the other side: what it does not take stays in a small buffer, and we type no further. */

#include "tools/supctl/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { DRAIN_MSEC = 1000 };

static void copy_size(const Pty *pty) {
    struct winsize size;

    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        ioctl(pty->master_fd, TIOCSWINSZ, &size);
}

static int open_pair(Pty *pty) {
    pty->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (pty->master_fd < 0 || grantpt(pty->master_fd) < 0 || unlockpt(pty->master_fd) < 0)
        return -errno;
    pty->slave_fd = ioctl(pty->master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return pty->slave_fd < 0 ? -errno : 0;
}

static void make_raw(Pty *pty) {
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &pty->before) < 0)
        return;
    tcsetattr(pty->slave_fd, TCSANOW, &pty->before);
    raw = pty->before;
    cfmakeraw(&raw);
    pty->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

int pty_open(Pty *pty) {
    int r = open_pair(pty);

    if (r < 0) {
        pty_close(pty);
        return r;
    }
    copy_size(pty);
    make_raw(pty);
    return 0;
}

void pty_close(Pty *pty) {
    if (pty->raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &pty->before);
    close_fd(pty->master_fd);
    close_fd(pty->slave_fd);
    *pty = (Pty) PTY_NULL;
}

void pty_handed_over(Pty *pty) {
    pty->slave_fd = close_fd(pty->slave_fd);
}

void pty_resize(Pty *pty) {
    copy_size(pty);
}

bool pty_wants_input(const Pty *pty) {
    return !pty->input_ended && pty->n_input == 0;
}

short pty_master_events(const Pty *pty) {
    return (short) (POLLIN | (pty->n_input > 0 ? POLLOUT : 0));
}

/* The end of a file is what ^D is at a terminal. */
void pty_read_input(Pty *pty) {
    ssize_t n = read(STDIN_FILENO, pty->input, sizeof(pty->input));

    if (n > 0) {
        pty->n_input = (size_t) n;
        return;
    }
    pty->input_ended = true;
    pty->input[0] = pty->raw ? (char) pty->before.c_cc[VEOF] : 'D' & 0x1f;
    pty->n_input = 1;
}

static void write_input(Pty *pty) {
    ssize_t n = write(pty->master_fd, pty->input, pty->n_input);

    if (n <= 0)
        return;
    pty->n_input -= (size_t) n;
    memmove(pty->input, pty->input + n, pty->n_input);
}

static int write_all(const char *text, size_t length) {
    while (length > 0) {
        ssize_t n = TEMP_FAILURE_RETRY(write(STDOUT_FILENO, text, length));

        if (n < 0)
            return -errno;
        text += n;
        length -= (size_t) n;
    }
    return 0;
}

/* 1: something was there; 0: nothing is there now; -EIO: nobody holds the slave. */
static int copy_output(const Pty *pty) {
    char buffer[4096];
    ssize_t n = read(pty->master_fd, buffer, sizeof(buffer));

    if (n < 0)
        return errno == EAGAIN ? 0 : -EIO;
    int r = write_all(buffer, (size_t) n);
    return r < 0 ? r : 1;
}

int pty_copy(Pty *pty, short events) {
    int r = 0;

    if (events & POLLOUT)
        write_input(pty);
    if (events & POLLIN)
        r = copy_output(pty);
    else if (events & POLLHUP)
        pty->hung_up = true;
    return r == -EIO ? 0 : r;
}

int pty_drain(Pty *pty) {
    int r = 1;

    while (r > 0) {
        struct pollfd fd = { .fd = pty->master_fd, .events = POLLIN };

        if (TEMP_FAILURE_RETRY(poll(&fd, 1, DRAIN_MSEC)) <= 0)
            break;
        r = copy_output(pty);
    }
    return r == -EIO ? 0 : r;
}
