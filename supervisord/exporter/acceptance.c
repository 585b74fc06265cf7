/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A header is ranges, "type/subtype;name=value;q=0.5, ...". A range that cannot be read, or that names a version we do not
 * speak, is one that was not given.
 */

#include "exporter/acceptance.h"

#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

enum { QUALITY_FULL = 1000 };

/* A piece of a header. */
typedef struct Span {
    const char *at;
    size_t length;
} Span;

static const struct {
    const char *range;
    ExpositionFormat format;
    const char *version; /* NULL: it has none */
} ranges[] = {
    { "application/openmetrics-text", EXPOSITION_OPENMETRICS, "1.0.0" },
    { "text/plain", EXPOSITION_TEXT, "0.0.4" },
    { "text/*", EXPOSITION_TEXT, NULL },
    { "*/*", EXPOSITION_TEXT, NULL },
};

static Span trimmed(Span span) {
    while (span.length > 0 && strchr(" \t", span.at[0]))
        span.at++, span.length--;
    while (span.length > 0 && strchr(" \t", span.at[span.length - 1]))
        span.length--;
    return span;
}

/* Takes what stands before the next separator that is in no quoted string. False: nothing is left. */
static bool take(const char **cursor, const char *end, char separator, Span *ret) {
    const char *at = *cursor;
    bool is_quoted = false;

    if (!at)
        return false;
    for (; at < end && (is_quoted || *at != separator); at++)
        if (is_quoted && *at == '\\' && at + 1 < end)
            at++;
        else if (*at == '"')
            is_quoted = !is_quoted;
    *ret = trimmed((Span){ *cursor, (size_t) (at - *cursor) });
    *cursor = at < end ? at + 1 : NULL;
    return true;
}

static bool is(Span span, const char *word) {
    return span.length == strlen(word) && strncasecmp(span.at, word, span.length) == 0;
}

static Span unquoted(Span span) {
    if (span.length >= 2 && span.at[0] == '"' && span.at[span.length - 1] == '"')
        return (Span){ span.at + 1, span.length - 2 };
    return span;
}

/* "1", "0.25": at most three digits after the point. */
static bool read_quality(Span span, unsigned *ret) {
    unsigned value = 0, scale = QUALITY_FULL;

    if (span.length == 0 || span.length > 5 || (span.at[0] != '0' && span.at[0] != '1'))
        return false;
    value = (unsigned) (span.at[0] - '0') * scale;
    if (span.length > 1 && span.at[1] != '.')
        return false;
    for (size_t i = 2; i < span.length; i++) {
        if (span.at[i] < '0' || span.at[i] > '9')
            return false;
        value += (unsigned) (span.at[i] - '0') * (scale /= 10);
    }
    if (value > QUALITY_FULL)
        return false;
    *ret = value;
    return true;
}

/* The parameters of a range. False: this is not for us. */
static bool read_parameters(const char *cursor, const char *end, const char *version, unsigned *ret_quality) {
    Span parameter;

    *ret_quality = QUALITY_FULL;
    while (take(&cursor, end, ';', &parameter)) {
        const char *equals = memchr(parameter.at, '=', parameter.length);
        size_t name_length = equals ? (size_t) (equals - parameter.at) : parameter.length;
        Span name = trimmed((Span){ parameter.at, name_length }), value = { "", 0 };

        if (equals)
            value = trimmed((Span){ equals + 1, parameter.length - name_length - 1 });
        if (is(name, "q") && !read_quality(value, ret_quality))
            return false;
        if (is(name, "version") && version && !is(unquoted(value), version))
            return false;
    }
    return true;
}

static void add_range(Acceptance *acceptance, Span range) {
    const char *cursor = range.at, *end = range.at + range.length;
    unsigned quality;
    Span type;

    if (!take(&cursor, end, ';', &type))
        return;
    for (size_t i = 0; i < ELEMENTSOF(ranges); i++) {
        unsigned *best = &acceptance->quality[ranges[i].format];
        if (is(type, ranges[i].range) && read_parameters(cursor, end, ranges[i].version, &quality) && quality > *best)
            *best = quality;
    }
}

void acceptance_add(Acceptance *acceptance, const char *header) {
    const char *end = header + strlen(header);
    Span range;

    while (take(&header, end, ',', &range))
        add_range(acceptance, range);
}

ExpositionFormat acceptance_choice(const Acceptance *acceptance) {
    unsigned open = acceptance->quality[EXPOSITION_OPENMETRICS];

    return open > 0 && open >= acceptance->quality[EXPOSITION_TEXT] ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT;
}
