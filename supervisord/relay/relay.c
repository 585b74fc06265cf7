/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who writes is never held up by its limit: what is too much is read and dropped. It is held up only by what keeps the
 * lines, as it would be without us.
 */

#include "relay/relay.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_usec(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

/* What we are given may be non-blocking, if others said so who have it too. */
static int write_all(int fd, const char *data, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, data, length);

        if (n < 0 && errno == EAGAIN)
            poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
        else if (n < 0 && errno != EINTR)
            return -errno;
        data += n > 0 ? n : 0;
        length -= n > 0 ? (size_t) n : 0;
    }
    return 0;
}

/* In the journal's own words, and as a warning: sd-daemon(3). */
static int say_suppressed(const Relay *relay, uint64_t n_suppressed) {
    char line[512];

    if (n_suppressed == 0)
        return 0;
    int length =
            snprintf(line, sizeof line, "<4>Suppressed %" PRIu64 " messages from %.400s\n", n_suppressed, relay->name);
    return write_all(relay->out_fd, line, (size_t) length);
}

/* For the journal a zero byte is an end too: nobody hides lines behind one. */
static bool is_end(char c) {
    return c == '\n' || c == '\0';
}

/* Where a flood spends our time: written so that compilers can do many bytes at once. */
static uint64_t count_ends(const char *data, size_t n) {
    uint64_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += is_end(data[i]);
    return count;
}

/* Behind the last end in what is fresh; 0: there is none. */
static size_t behind_last_end(const Relay *relay, size_t n_fresh) {
    for (size_t i = relay->n; i > relay->n - n_fresh; i--)
        if (is_end(relay->buffer[i - 1]))
            return i;
    return 0;
}

/* Looks at what is fresh only: nobody makes us look again and again at a line that grows byte by byte. */
static int pass_lines(Relay *relay, size_t n_fresh, uint64_t now) {
    size_t done = behind_last_end(relay, n_fresh), admitted = 0, i = relay->n - n_fresh;

    for (; i < done && !window_is_full(&relay->window); i++)
        if (is_end(relay->buffer[i])) {
            window_pass(&relay->window, now);
            admitted = i + 1;
        }
    if (i < done)
        window_suppress(&relay->window, count_ends(relay->buffer + i, done - i));
    int r = write_all(relay->out_fd, relay->buffer, admitted);
    relay->n -= done;
    memmove(relay->buffer, relay->buffer + done, relay->n);
    return r;
}

/* Until there is something to read, or something falls due. */
static bool wait_for_more(const Relay *relay) {
    uint64_t due = window_due_usec(&relay->window), now = now_usec(), left = due > now ? due - now : 0;
    int timeout_msec = due == UINT64_MAX ? -1 : left / 1000 >= INT_MAX ? INT_MAX : (int) (left / 1000 + 1);

    return poll(&(struct pollfd){ .fd = relay->in_fd, .events = POLLIN }, 1, timeout_msec) > 0;
}

/* 1: there may be more. A last line without an end gets one, and so does what is too long to be one line. */
static int read_lines(Relay *relay, uint64_t now) {
    ssize_t n = read(relay->in_fd, relay->buffer + relay->n, LINE_BYTES_MAX - relay->n);

    if (n < 0)
        return errno == EINTR ? 1 : -errno;
    relay->n += (size_t) n;
    int r = pass_lines(relay, (size_t) n, now);
    if (r == 0 && relay->n > 0 && (n == 0 || relay->n == LINE_BYTES_MAX)) {
        relay->buffer[relay->n++] = '\n';
        r = pass_lines(relay, 1, now);
    }
    return r < 0 ? r : n > 0;
}

static int relay_once(Relay *relay) {
    bool readable = wait_for_more(relay);
    uint64_t now = now_usec();
    int r = say_suppressed(relay, window_expire(&relay->window, now));

    if (r == 0 && readable)
        return read_lines(relay, now);
    return r < 0 ? r : 1;
}

int relay_run(Relay *relay) {
    int r;

    while ((r = relay_once(relay)) > 0)
        ;
    return r < 0 ? r : say_suppressed(relay, window_end(&relay->window));
}
