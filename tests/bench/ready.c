/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How long a service takes until it says that it is ready, as to systemd: starts the command, waits for READY=1, and prints
 * its pid, the milliseconds from before the fork, and those of CPU time in them, which a busy machine blurs less. The command
 * goes on.
 */

#include <errno.h>
#include <error.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MSEC = 120 * 1000 };

static double now_msec(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* An abstract address of the kernel's choice, told to the command. */
static int listen_to_notices(void) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t size = sizeof address;
    char name[sizeof address.sun_path + 1] = "@";
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof address.sun_family) < 0 ||
            getsockname(fd, (struct sockaddr *) &address, &size) < 0)
        error(EXIT_FAILURE, errno, "cannot listen to notices");
    memcpy(name + 1, address.sun_path + 1, size - offsetof(struct sockaddr_un, sun_path) - 1);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void wait_until_ready(int fd) {
    char text[4096];

    do {
        if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PATIENCE_MSEC) <= 0)
            error(EXIT_FAILURE, 0, "it does not become ready");
        ssize_t n = recv(fd, text, sizeof text - 1, 0);
        if (n < 0)
            error(EXIT_FAILURE, errno, "recv");
        text[n] = '\0';
    } while (strncmp(text, "READY=1", strlen("READY=1")) != 0);
}

int main(int argc, char **argv) {
    if (argc < 2)
        error(2, 0, "usage: bench-ready COMMAND [ARGUMENT...]");
    int fd = listen_to_notices();
    clockid_t cpu_clock;
    double began = now_msec(CLOCK_MONOTONIC);
    pid_t pid = fork();

    if (pid < 0)
        error(EXIT_FAILURE, errno, "fork");
    if (pid == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO); /* ours is for the figures alone */
        execvp(argv[1], argv + 1);
        error(127, errno, "%s", argv[1]);
    }
    wait_until_ready(fd);
    double took = now_msec(CLOCK_MONOTONIC) - began;
    errno = clock_getcpuclockid(pid, &cpu_clock);
    if (errno)
        error(EXIT_FAILURE, errno, "it has ended");
    printf("%d %.2f %.2f\n", (int) pid, took, now_msec(cpu_clock));
    return EXIT_SUCCESS;
}
