/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What comes from the daemon or from policy files may hold anything, such as the command line of a hostile workload. The
 * rule: nothing reaches the terminal but printable symbols.
 */

#include "tools/supctl/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/parse.h"

enum { ESCAPE_LENGTH = 4 }; /* \xNN */

/* The sequence length that a first byte announces and the least code that needs it; RFC 3629. */
static const struct {
    unsigned char mask, bits;
    size_t length;
    uint32_t code_min;
} leads[] = {
    { 0x80, 0x00, 1, 0 },
    { 0xe0, 0xc0, 2, 0x80 },
    { 0xf0, 0xe0, 3, 0x800 },
    { 0xf8, 0xf0, 4, 0x10000 },
};

static uint32_t decode(const unsigned char *bytes, size_t length, uint32_t code, uint32_t code_min) {
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return UINT32_MAX;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    bool is_surrogate = code >= 0xd800 && code <= 0xdfff;

    return code < code_min || code > 0x10ffff || is_surrogate ? UINT32_MAX : code;
}

size_t text_symbol(const char *text, uint32_t *ret_code) {
    const unsigned char *bytes = (const unsigned char *) text;

    *ret_code = UINT32_MAX;
    for (size_t i = 0; i < ELEMENTSOF(leads); i++)
        if ((bytes[0] & leads[i].mask) == leads[i].bits) {
            uint32_t first = bytes[0] & (unsigned char) ~leads[i].mask;

            *ret_code = decode(bytes, leads[i].length, first, leads[i].code_min);
            return *ret_code == UINT32_MAX ? 1 : leads[i].length;
        }
    return 1;
}

bool text_is_utf8(const char *text) {
    uint32_t code;

    while (*text) {
        text += text_symbol(text, &code);
        if (code == UINT32_MAX)
            return false;
    }
    return true;
}

size_t text_width(const char *text) {
    size_t width = 0;
    uint32_t code;

    for (; *text; text += text_symbol(text, &code))
        width++;
    return width;
}

bool text_is_printable(uint32_t code) {
    bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    bool is_separator = code == 0x2028 || code == 0x2029;
    bool is_override = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);

    return code != UINT32_MAX && !is_control && !is_separator && !is_override;
}

char *text_escape(const char *text) {
    char *escaped = malloc(strlen(text) * ESCAPE_LENGTH + 1), *end = escaped;
    uint32_t code;

    if (!escaped)
        return NULL;
    for (size_t length; *text; text += length) {
        length = text_symbol(text, &code);
        if (text_is_printable(code))
            end = mempcpy(end, text, length);
        else
            for (size_t i = 0; i < length; i++)
                end += sprintf(end, "\\x%02x", (unsigned char) text[i]);
    }
    *end = '\0';
    return escaped;
}

void text_print_line(FILE *file, const char *prefix, const char *text) {
    _cleanup_(cleanup_free) char *escaped = text_escape(text);

    fprintf(file, "%s%s\n", prefix, escaped ? escaped : "(out of memory)");
}

void text_print_lines(FILE *file, const char *prefix, const char *text) {
    _cleanup_(cleanup_free) char *lines = strdup(text);
    char *rest = lines, *line;

    while ((line = strsep(&rest, "\n")))
        if (*line || rest)
            text_print_line(file, prefix, line);
}

void complain(const char *format, ...) {
    _cleanup_(cleanup_free) char *message = NULL;
    va_list arguments;
    int n;

    fflush(stdout);
    va_start(arguments, format);
    n = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (n < 0)
        message = NULL;
    text_print_lines(stderr, "supctl: ", message ? message : "out of memory");
}

int complain_memory(void) {
    complain("out of memory");
    return EXIT_FAILURE;
}

const char *format_age(uint64_t usec, char *buffer, size_t size) {
    static const struct {
        uint64_t from_sec, step_sec;
    } precisions[] = { { 604800, 86400 }, { 86400, 3600 }, { 3600, 60 }, { 0, 1 } };
    uint64_t sec = usec / USEC_PER_SEC;
    size_t i = 0;

    while (sec < precisions[i].from_sec)
        i++;
    if (sec == 0)
        snprintf(buffer, size, "0s");
    else
        format_usec((sec - sec % precisions[i].step_sec) * USEC_PER_SEC, buffer, size);
    return buffer;
}

const char *format_realtime(uint64_t realtime_usec, char *buffer, size_t size) {
    time_t sec = (time_t) (realtime_usec / USEC_PER_SEC);
    struct tm broken_down;

    if (!localtime_r(&sec, &broken_down) || strftime(buffer, size, "%Y-%m-%d %H:%M:%S %Z", &broken_down) == 0)
        snprintf(buffer, size, "?");
    return buffer;
}

uint64_t realtime_now_usec(void) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / NSEC_PER_USEC;
}
