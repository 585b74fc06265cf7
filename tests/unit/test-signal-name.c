/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Signals by name and number. */

#include "base/signal-name.h"

#include <errno.h>
#include <signal.h>

#include "base/strv.h"
#include "unit/check.h"

static void test_right(void) {
    const struct {
        const char *text;
        int signal;
    } cases[] = { { "TERM", SIGTERM }, { "SIGTERM", SIGTERM }, { "sigterm", SIGTERM }, { "usr1", SIGUSR1 },
        { "9", SIGKILL }, { "RTMIN", SIGRTMIN }, { "SIGRTMIN+3", SIGRTMIN + 3 }, { "RTMAX-1", SIGRTMAX - 1 },
        { "rtmax", SIGRTMAX } };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        int signal = 0;
        CHECK_EQ(parse_signal(cases[i].text, &signal), 0);
        CHECK_EQ(signal, cases[i].signal);
    }
}

static void test_wrong(void) {
    static const char *const texts[] = { "", "0", "-1", "65", "99999999999", "TERMINATE", "SIG", "RTMIN-1", "RTMAX+1",
        "RTMIN+", "RTMIN+99", "9 ", " TERM" };
    int signal = 4711;

    for (size_t i = 0; i < ELEMENTSOF(texts); i++)
        CHECK_EQ(parse_signal(texts[i], &signal), -EINVAL);
    CHECK_EQ(signal, 4711);
}

int main(void) {
    test_right();
    test_wrong();
    return EXIT_SUCCESS;
}
