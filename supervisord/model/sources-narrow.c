/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What sources say of all but other workloads: a quick look at section lines, for which the same lines count as for
 * policy/reader. What is left too much does no harm.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/sources.h"

#define BLANKS " \t"
#define WORKLOAD_LINE "[workload:"

static size_t line_length(const char *line, const char *end) {
    const char *newline = memchr(line, '\n', end - line);

    return newline ? newline + 1 - line : end - line;
}

static bool is_continued(const char *line, size_t length) {
    size_t n = 0;

    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        length--;
    while (n < length && line[length - 1 - n] == '\\')
        n++;
    return n % 2 > 0;
}

/* The section line of a workload that is not this one. */
static bool opens_other(const char *line, const char *workload) {
    size_t length = strlen(workload);

    return strncmp(line, WORKLOAD_LINE, strlen(WORKLOAD_LINE)) == 0 &&
           (strncmp(line + strlen(WORKLOAD_LINE), workload, length) != 0 ||
                   line[strlen(WORKLOAD_LINE) + length] != ']');
}

/* Writes what is kept of the source to the text, which has room for all of it; how many bytes. */
static size_t narrow_text(const Source *source, const char *workload, char *text) {
    const char *end = source->text + source->length;
    bool kept = true, continued = false;
    size_t length = 0, step;

    for (const char *line = source->text; line < end; line += step) {
        const char *first = line + strspn(line, BLANKS);

        step = line_length(line, end);
        if (*first == '#' || *first == ';')
            continue;
        if (!continued && *first == '[')
            kept = !opens_other(first, workload);
        continued = is_continued(line, step);
        if (kept)
            length = (char *) mempcpy(text + length, line, step) - text;
    }
    text[length] = '\0';
    return length;
}

static int narrow_source(const Source *source, const char *workload, Sources *ret) {
    char *text = malloc(source->length + 1);

    if (!text)
        return -ENOMEM;
    size_t length = narrow_text(source, workload, text);
    return sources_append(ret, source->kind, source->path, text, length);
}

int sources_narrow(const Sources *sources, const char *workload, Sources *ret) {
    _cleanup_(sources_done) Sources narrow = {};
    int r = 0;

    for (size_t i = 0; i < sources->n_items && r >= 0; i++)
        r = narrow_source(&sources->items[i], workload, &narrow);
    if (r < 0)
        return r;
    *ret = narrow;
    narrow = (Sources){};
    return 0;
}
