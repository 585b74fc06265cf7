/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The rate limit of a workload's output: its arithmetic, and what comes out of a pipe for what goes in. */

#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relay/relay.h"
#include "unit/check.h"

enum { BURST = 3, INTERVAL_USEC = 100, HOUR_USEC = 3600u * 1000 * 1000 };

static unsigned admitted(Window *window, unsigned n, uint64_t now_usec) {
    unsigned n_admitted = 0;

    while (n-- > 0)
        if (window_is_full(window))
            window_suppress(window, 1);
        else {
            window_pass(window, now_usec);
            n_admitted++;
        }
    return n_admitted;
}

static void test_window(void) {
    Window window = { .interval_usec = INTERVAL_USEC, .burst = BURST };

    CHECK_EQ(window_expire(&window, 50), 0);
    CHECK_EQ(window_due_usec(&window), UINT64_MAX);
    CHECK_EQ(admitted(&window, BURST, 50), BURST);
    CHECK_EQ(window_due_usec(&window), UINT64_MAX); /* a full one that held nothing up says nothing */
    CHECK_EQ(admitted(&window, 2, 149), 0);
    CHECK_EQ(window_due_usec(&window), 150);
    CHECK_EQ(window_expire(&window, 149), 0);
    CHECK_EQ(window_expire(&window, 150), 2);
    CHECK_EQ(window_expire(&window, 150), 0);

    CHECK_EQ(admitted(&window, 1, 500), 1); /* the next begins with its first line, not where the last one ended */
    CHECK_EQ(window_expire(&window, 599), 0);
    CHECK_EQ(admitted(&window, BURST, 599), BURST - 1);
    CHECK_EQ(window_expire(&window, 600), 1);
    CHECK_EQ(admitted(&window, BURST + 4, 700), BURST);
    CHECK_EQ(window_end(&window), 4);
}

static void test_window_without_end(void) {
    Window window = { .interval_usec = UINT64_MAX - 1, .burst = 1 };

    CHECK_EQ(admitted(&window, 2, 10), 1);
    CHECK_EQ(window_due_usec(&window), UINT64_MAX);
    CHECK_EQ(window_expire(&window, UINT64_MAX - 1), 0);
    CHECK_EQ(window_end(&window), 1);
}

typedef struct Stream {
    int in_fd, out_fd; /* what is written, what comes out */
    pid_t pid;
} Stream;

static Stream stream_open(uint64_t interval_usec) {
    static Relay relay;
    int in[2], out[2];

    CHECK(pipe(in) == 0 && pipe(out) == 0);
    Stream stream = { .in_fd = in[1], .out_fd = out[0], .pid = fork() };
    CHECK(stream.pid >= 0);
    if (stream.pid == 0) {
        close(in[1]);
        close(out[0]);
        relay = (Relay){ .in_fd = in[0], .out_fd = out[1], .name = "web", .window = { interval_usec, BURST, 0, 0, 0 } };
        _exit(relay_run(&relay) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    close(in[0]);
    close(out[1]);
    return stream;
}

static void stream_write(const Stream *stream, const char *data, size_t length) {
    for (ssize_t n; length > 0; data += n, length -= (size_t) n) {
        n = write(stream->in_fd, data, length);
        CHECK(n > 0);
    }
}

static void check_reads(const Stream *stream, const char *expected, size_t length) {
    static char buffer[2 * LINE_BYTES_MAX];
    size_t n = 0;

    for (ssize_t r; n < length; n += (size_t) r) {
        r = read(stream->out_fd, buffer + n, length - n);
        CHECK(r > 0);
    }
    CHECK(memcmp(buffer, expected, length) == 0);
}

static void check_says(const Stream *stream, const char *expected) {
    check_reads(stream, expected, strlen(expected));
}

static void stream_end(Stream *stream) {
    if (stream->in_fd >= 0)
        close(stream->in_fd);
    stream->in_fd = -1;
}

/* Returns when it has gone; nothing more has come out. */
static void stream_close(Stream *stream) {
    char more;
    int status;

    stream_end(stream);
    CHECK_EQ(read(stream->out_fd, &more, 1), 0);
    CHECK(waitpid(stream->pid, &status, 0) == stream->pid);
    CHECK_EQ(status, 0);
    close(stream->out_fd);
}

#define WRITE(stream, text) stream_write(stream, text, sizeof(text) - 1)

static void test_end(void) {
    Stream stream = stream_open(HOUR_USEC);

    WRITE(&stream, "1\n");
    check_says(&stream, "1\n");
    WRITE(&stream, "2\n3\n4\n5\n6");
    stream_end(&stream);
    check_says(&stream, "2\n3\n<4>Suppressed 3 messages from web\n");
    stream_close(&stream);
}

static void test_last_line(void) {
    Stream stream = stream_open(HOUR_USEC);

    WRITE(&stream, "one\ntw");
    check_says(&stream, "one\n");
    stream_end(&stream);
    check_says(&stream, "tw\n");
    stream_close(&stream);
}

/* What was suppressed is said when the window is over, although nothing more is written; then lines pass again. */
static void test_passing_window(void) {
    Stream stream = stream_open(50 * 1000);

    WRITE(&stream, "1\n2\n3\n4\n5\n");
    check_says(&stream, "1\n2\n3\n<4>Suppressed 2 messages from web\n");
    WRITE(&stream, "6\n");
    check_says(&stream, "6\n");
    stream_close(&stream);
}

static void test_zero_bytes(void) {
    Stream stream = stream_open(HOUR_USEC);

    WRITE(&stream, "1\0002\0003\0004\0005\n");
    stream_end(&stream);
    check_reads(&stream, "1\0002\0003", sizeof "1\0002\0003");
    check_says(&stream, "<4>Suppressed 2 messages from web\n");
    stream_close(&stream);
}

/* A line without end counts as the lines that it is cut into. */
static void test_long_lines(void) {
    static char line[2 * LINE_BYTES_MAX + LINE_BYTES_MAX / 2];
    Stream stream = stream_open(HOUR_USEC);

    memset(line, 'x', sizeof line);
    WRITE(&stream, "1\n2\n");
    check_says(&stream, "1\n2\n");
    stream_write(&stream, line, sizeof line);
    stream_end(&stream);
    line[LINE_BYTES_MAX] = '\n';
    check_reads(&stream, line, LINE_BYTES_MAX + 1);
    check_says(&stream, "<4>Suppressed 2 messages from web\n");
    stream_close(&stream);
}

int main(void) {
    test_window();
    test_window_without_end();
    test_end();
    test_last_line();
    test_passing_window();
    test_zero_bytes();
    test_long_lines();
    return EXIT_SUCCESS;
}
