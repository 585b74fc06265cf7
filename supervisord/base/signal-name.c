/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The C library knows the names; real-time signals are counted from their ends, because where they lie is its own affair. */

#include "base/signal-name.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"

static int in_range(int signal, int *ret) {
    if (signal < 1 || signal > SIGRTMAX)
        return -EINVAL;
    *ret = signal;
    return 0;
}

/* "+3" behind RTMIN, "-1" behind RTMAX, or nothing. */
static int parse_real_time(const char *offset, char direction, int base, int *ret) {
    uint64_t n = 0;

    if (*offset && (*offset != direction || parse_u64(offset + 1, &n) < 0 || n > (uint64_t) (SIGRTMAX - SIGRTMIN)))
        return -EINVAL;
    return in_range(direction == '+' ? base + (int) n : base - (int) n, ret);
}

int parse_signal(const char *text, int *ret) {
    uint64_t number;

    if (parse_u64(text, &number) == 0)
        return in_range(number <= INT32_MAX ? (int) number : 0, ret);
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    if (strncasecmp(text, "RTMIN", 5) == 0)
        return parse_real_time(text + 5, '+', SIGRTMIN, ret);
    if (strncasecmp(text, "RTMAX", 5) == 0)
        return parse_real_time(text + 5, '-', SIGRTMAX, ret);
    for (int i = 1; i < SIGRTMIN; i++) {
        const char *name = sigabbrev_np(i);

        if (name && strcasecmp(name, text) == 0)
            return in_range(i, ret);
    }
    return -EINVAL;
}
