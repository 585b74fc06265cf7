/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Diagnostics: lines are formatted when they are found, so that they need nothing of their input later. */

#include "model/diagnostics.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/strv.h"

void diagnostics_done(Diagnostics *diagnostics) {
    strv_free(diagnostics->lines);
    *diagnostics = (Diagnostics){};
}

/* "file:12: [section] Key=: ", without the parts that are not known. */
static int format_place(const char *file, unsigned line, const char *section, const char *key, char **ret) {
    char number[16] = "";

    if (line > 0)
        snprintf(number, sizeof(number), ":%u", line);
    return text_printf(ret, "%s%s:%s%s%s%s%s%s ", file, number, section ? " [" : "", section ? section : "",
            section ? "]" : "", key ? " " : "", key ? key : "", key ? "=:" : "");
}

static int format_line(const char *place, const char *format, va_list arguments, char **ret) {
    _cleanup_(cleanup_free) char *message = NULL;

    if (vasprintf(&message, format, arguments) < 0) {
        message = NULL;
        return -ENOMEM;
    }
    return text_printf(ret, "%s%s", place, message);
}

void diagnostics_add(Diagnostics *diagnostics, const char *file, unsigned line, const char *section, const char *key,
        const char *format, ...) {
    _cleanup_(cleanup_free) char *place = NULL;
    char *text = NULL;
    int r = -ENOBUFS;

    if (diagnostics->n_lines < DIAGNOSTICS_MAX)
        r = format_place(file, line, section, key, &place);
    if (r >= 0) {
        va_list arguments;

        va_start(arguments, format);
        r = format_line(place, format, arguments, &text);
        va_end(arguments);
    }
    if (r >= 0)
        r = strv_consume(&diagnostics->lines, text);
    if (r >= 0)
        diagnostics->n_lines++;
    else
        diagnostics->n_dropped++;
}

/* "file:12: [section] ", or NULL. */
static char *place_end(char *line, const char *file) {
    size_t length = strlen(file);

    if (strncmp(line, file, length) != 0 || line[length] != ':')
        return NULL;
    char *end = line + length + 1 + strspn(line + length + 1, "0123456789:");
    char *section_end = end[0] == ' ' && end[1] == '[' ? strstr(end, "] ") : NULL;
    return section_end ? section_end + 2 : end + (*end == ' ');
}

void diagnostics_hide_place(Diagnostics *diagnostics, const char *file) {
    for (size_t i = 0; i < diagnostics->n_lines; i++) {
        char *line = diagnostics->lines[i], *rest = place_end(line, file);

        if (rest)
            memmove(line, rest, strlen(rest) + 1);
    }
}

const char *diagnostics_excerpt(const char *text, char buffer[static EXCERPT_SIZE]) {
    static const char ellipsis[] = "...";
    size_t length = strlen(text);

    if (length < EXCERPT_SIZE)
        return memcpy(buffer, text, length + 1);
    length = EXCERPT_SIZE - sizeof(ellipsis);
    while (length > 0 && ((unsigned char) text[length] & 0xc0) == 0x80)
        length--;
    memcpy(buffer, text, length);
    memcpy(buffer + length, ellipsis, sizeof(ellipsis));
    return buffer;
}

static int compare_lines(const void *a, const void *b) {
    return strverscmp(*(char *const *) a, *(char *const *) b); /* line 10 after line 9 */
}

void diagnostics_sort(Diagnostics *diagnostics) {
    if (diagnostics->n_lines > 0)
        qsort(diagnostics->lines, diagnostics->n_lines, sizeof(char *), compare_lines);
}

int diagnostics_text(const Diagnostics *diagnostics, char **ret) {
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    if (!file)
        return -ENOMEM;
    for (size_t i = 0; i < diagnostics->n_lines; i++)
        fprintf(file, "%s%s", i > 0 ? "\n" : "", diagnostics->lines[i]);
    if (diagnostics->n_dropped > 0)
        fprintf(file, "%sand %zu more", diagnostics->n_lines > 0 ? "\n" : "", diagnostics->n_dropped);
    if (fclose(file) < 0) {
        free(text);
        return -ENOMEM;
    }
    *ret = text;
    return 0;
}

bool diagnostics_any(const Diagnostics *diagnostics) {
    return diagnostics->n_lines > 0 || diagnostics->n_dropped > 0;
}
