/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Egress rates on a real kernel, as root: read back exactly, and what of one TCP flow arrives is counted at its end. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "tests/live/network-fixture.h"

enum {
    MEASURE_USEC = 1000 * 1000,
    SETTLE_USEC = 500 * 1000,
    TRIES = 5,           /* a machine that has no time for us makes a rate that holds look as if it did not */
    UNSHAPED_MARGIN = 6, /* a rate that is this many times below what passes unshaped must be reached */
};

#define MBIT UINT64_C(125000) /* bytes per second */

static void child_sends(int fd) {
    static const char zeros[256 * 1024];
    int out_fd = connect_to("10.213.0.1");

    signal(SIGPIPE, SIG_IGN);
    while (write(out_fd, zeros, sizeof(zeros)) > 0)
        ;
}

static uint64_t receive_for(int fd, uint64_t usec) {
    static char buffer[1024 * 1024];
    uint64_t end = now_usec() + usec, sum = 0;

    while (now_usec() < end) {
        struct pollfd readable = { .fd = fd, .events = POLLIN };

        if (poll(&readable, 1, 1) <= 0)
            continue;
        ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        CHECK(n > 0);
        sum += n;
    }
    return sum;
}

/* What arrives of one TCP flow, in percent of the rate (payload: frames carry 95.6 % of it). */
static double measure(int fd, uint64_t rate) {
    receive_for(fd, SETTLE_USEC);
    uint64_t begin = now_usec(), sum = receive_for(fd, MEASURE_USEC);
    double percent = 100.0 * sum / ((double) rate * (now_usec() - begin) / USEC_PER_SEC);

    printf("egress %6.0f Mbit/s: %5.1f %% of it arrives\n", (double) rate / MBIT, percent);
    return percent;
}

/* Within 10 %; not less than that only where this machine has several times the rate to give just now. */
static bool holds(int fd, uint64_t rate, uint64_t unshaped) {
    for (int i = 0; i < TRIES; i++) {
        double percent = measure(fd, rate);

        if (percent < 110 && (percent > 90 || rate > unshaped / UNSHAPED_MARGIN))
            return true;
    }
    return false;
}

static void check_rate(Links *links, int namespace_fd, uint64_t rate) {
    uint64_t found;

    CHECK_EQ(links_egress_set(links, namespace_fd, rate), 0);
    CHECK_EQ(links_egress_get(links, namespace_fd, &found), 0);
    CHECK(found == rate);
}

static void check_rates_exact(Links *links, int namespace_fd) {
    static const uint64_t rates[] = { 1, 999, 6250000, 123456789, UINT32_MAX - 1, UINT32_MAX, UINT64_C(1) << 32,
        UINT64_C(12500000000) };

    for (size_t i = 0; i < ELEMENTSOF(rates); i++)
        check_rate(links, namespace_fd, rates[i]);
    CHECK_EQ(links_egress_set(links, namespace_fd, 0), -EINVAL);
    check_rate(links, namespace_fd, AMOUNT_INFINITY);
    check_rate(links, namespace_fd, AMOUNT_INFINITY);
}

/* What the flow carries without a shaper, bytes per second. */
static uint64_t measure_unshaped(int fd) {
    uint64_t begin = now_usec(), sum = receive_for(fd, MEASURE_USEC / 2);

    return sum * USEC_PER_SEC / (now_usec() - begin);
}

/* One flow, whose rate is changed under way. */
static void check_egress(Links *links, int namespace_fd) {
    static const uint64_t rates[] = { 50 * MBIT, 2 * MBIT, 400 * MBIT, 200 * MBIT, 10 * MBIT };
    _cleanup_(cleanup_close) int listen_fd = listen_at("10.213.0.1");
    uint64_t overlimits = 0, before = 0, drops;

    CHECK_EQ(links_egress_witness(links, namespace_fd, &overlimits, &drops), -ENODATA);
    pid_t pid = fork_inside(namespace_fd, child_sends, -1);
    _cleanup_(cleanup_close) int fd = accept(listen_fd, NULL, NULL);
    uint64_t unshaped = measure_unshaped(fd);
    printf("egress without a shaper: %.0f Mbit/s\n", (double) unshaped / MBIT);

    for (size_t i = 0; i < ELEMENTSOF(rates); i++, before = overlimits) {
        check_rate(links, namespace_fd, rates[i]);
        CHECK(holds(fd, rates[i], unshaped));
        CHECK_EQ(links_egress_witness(links, namespace_fd, &overlimits, &drops), 0);
        CHECK(overlimits > before);
    }
    check_rate(links, namespace_fd, AMOUNT_INFINITY);
    CHECK(measure_unshaped(fd) > 2 * rates[ELEMENTSOF(rates) - 1]); /* the last one has gone */

    CHECK_EQ(shutdown(fd, SHUT_RDWR), 0);
    kill(pid, SIGKILL);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* False where the kernel has no tbf. */
static bool test_egress(Links *links, int namespace_fd) {
    uint64_t rate;

    CHECK_EQ(links_egress_get(links, namespace_fd, &rate), 0);
    CHECK(rate == AMOUNT_INFINITY);
    int r = links_egress_set(links, namespace_fd, 50 * MBIT);
    if (r == -ENOENT)
        return false;
    CHECK_EQ(r, 0);
    CHECK_EQ(links_egress_set(links, namespace_fd, AMOUNT_INFINITY), 0);

    check_rates_exact(links, namespace_fd);
    check_egress(links, namespace_fd);
    return true;
}

int main(void) {
    Links *links = lab_open();

    CHECK_EQ(links_bridge_make(links, &lab), 0);
    int namespace_fd = namespace_new();
    wire_up(links, namespace_fd, 1);
    if (!test_egress(links, namespace_fd)) {
        printf("skipped: this kernel has no tbf (CONFIG_NET_SCH_TBF)\n");
        return EXIT_SKIP;
    }
    close(namespace_fd);
    links_close(links);
    return EXIT_SUCCESS;
}
