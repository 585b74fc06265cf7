/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Each form is tried on the whole text; the first that fits is meant. */

#include "tools/supctl/moment.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/parse.h"

/* -EINVAL for days that the calendar does not have, too: mktime would make others of them. */
static int from_calendar(struct tm *calendar, uint64_t *ret_usec) {
    int day = calendar->tm_mday, month = calendar->tm_mon;
    time_t sec;

    calendar->tm_isdst = -1;
    sec = mktime(calendar);
    if (sec < 0 || calendar->tm_mday != day || calendar->tm_mon != month)
        return -EINVAL;
    *ret_usec = (uint64_t) sec * USEC_PER_SEC;
    return 0;
}

static int midnight(uint64_t now_usec, int days_back, uint64_t *ret_usec) {
    time_t now_sec = (time_t) (now_usec / USEC_PER_SEC);
    struct tm calendar;

    if (!localtime_r(&now_sec, &calendar))
        return -EINVAL;
    calendar.tm_hour = calendar.tm_min = calendar.tm_sec = 0;
    calendar.tm_mday -= days_back;
    calendar.tm_isdst = -1;
    now_sec = mktime(&calendar);
    *ret_usec = (uint64_t) now_sec * USEC_PER_SEC;
    return now_sec < 0 ? -EINVAL : 0;
}

static int parse_word(const char *text, uint64_t now_usec, uint64_t *ret_usec) {
    if (strcmp(text, "today") == 0)
        return midnight(now_usec, 0, ret_usec);
    if (strcmp(text, "yesterday") == 0)
        return midnight(now_usec, 1, ret_usec);
    if (strcmp(text, "now") != 0)
        return -EINVAL;
    *ret_usec = now_usec;
    return 0;
}

static int parse_epoch(const char *text, uint64_t now_usec, uint64_t *ret_usec) {
    uint64_t sec;

    if (*text != '@' || parse_u64(text + 1, &sec) < 0 || sec > UINT64_MAX / USEC_PER_SEC)
        return -EINVAL;
    *ret_usec = sec * USEC_PER_SEC;
    return 0;
}

/* "-SPAN" or "SPAN ago" */
static int parse_back(const char *text, uint64_t now_usec, uint64_t *ret_usec) {
    static const char suffix[] = " ago";
    size_t length = strlen(text);
    bool is_ago = length > strlen(suffix) && strcmp(text + length - strlen(suffix), suffix) == 0;
    _cleanup_(cleanup_free) char *span =
            is_ago ? strndup(text, length - strlen(suffix)) : strdup(text + (*text == '-'));
    uint64_t span_usec;

    if (is_ago == (*text == '-') || !span || parse_usec(span, &span_usec) < 0 || span_usec > now_usec)
        return -EINVAL;
    *ret_usec = now_usec - span_usec;
    return 0;
}

static int parse_calendar(const char *text, uint64_t now_usec, uint64_t *ret_usec) {
    static const struct {
        const char *format;
        bool has_date;
    } forms[] = { { "%Y-%m-%d %H:%M:%S", true }, { "%Y-%m-%d %H:%M", true }, { "%Y-%m-%d", true },
        { "%H:%M:%S", false }, { "%H:%M", false } };
    time_t now_sec = (time_t) (now_usec / USEC_PER_SEC);

    for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
        struct tm calendar = { 0 };
        const char *end;

        if (!forms[i].has_date && !localtime_r(&now_sec, &calendar))
            return -EINVAL;
        calendar.tm_hour = calendar.tm_min = calendar.tm_sec = 0;
        end = strptime(text, forms[i].format, &calendar);
        if (end && !*end)
            return from_calendar(&calendar, ret_usec);
    }
    return -EINVAL;
}

int parse_moment(const char *text, uint64_t now_usec, uint64_t *ret_usec) {
    static int (*const forms[])(
            const char *, uint64_t, uint64_t *) = { parse_word, parse_epoch, parse_back, parse_calendar };

    for (size_t i = 0; i < ELEMENTSOF(forms); i++)
        if (forms[i](text, now_usec, ret_usec) == 0)
            return 0;
    return -EINVAL;
}
