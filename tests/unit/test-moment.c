/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Moments, seen from one now: Sunday, 2026-11-22 07:30:15 UTC. */

#include "tools/supctl/moment.h"

#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "unit/check.h"

#define NOW_SEC UINT64_C(1795332615)
#define MIDNIGHT_SEC UINT64_C(1795305600)

static void test_good(void) {
    static const struct {
        const char *text;
        uint64_t sec;
    } cases[] = {
        { "now", NOW_SEC },
        { "today", MIDNIGHT_SEC },
        { "yesterday", MIDNIGHT_SEC - 86400 },
        { "@0", 0 },
        { "@1795332615", NOW_SEC },
        { "-15s", NOW_SEC - 15 },
        { "-1h 30min", NOW_SEC - 5400 },
        { "1h 30min ago", NOW_SEC - 5400 },
        { "2026-11-22 07:30:15", NOW_SEC },
        { "2026-11-22 07:30", NOW_SEC - 15 },
        { "2026-11-22", MIDNIGHT_SEC },
        { "1970-01-01", 0 },
        { "07:30:15", NOW_SEC },
        { "07:30", NOW_SEC - 15 },
        { "00:00", MIDNIGHT_SEC },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        uint64_t usec = 1;

        if (parse_moment(cases[i].text, NOW_SEC * USEC_PER_SEC, &usec) != 0 || usec != cases[i].sec * USEC_PER_SEC)
            CHECK_FAIL("%s is %" PRIu64 " usec", cases[i].text, usec);
    }
}

static void test_bad(void) {
    static const char *const cases[] = { "", "-", "ago", " ago", "-5s ago", "5s", "@", "@x", "@-1",
        "@99999999999999999999", "2026-02-30", "2026-13-01", "2026-11-22 25:00", "2026-11-22x", "07:61", "tomorrow",
        "-infinity", "-100000000d" };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        uint64_t usec = 1;

        if (parse_moment(cases[i], NOW_SEC * USEC_PER_SEC, &usec) != -EINVAL)
            CHECK_FAIL("'%s' is taken for %" PRIu64 " usec", cases[i], usec);
    }
}

int main(void) {
    setenv("TZ", "UTC", 1);
    tzset();
    test_good();
    test_bad();
    return 0;
}
