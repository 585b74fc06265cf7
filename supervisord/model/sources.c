/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sources as an object, and as one text: a line of numbers for each, then its path and its text as they are. */

#include "model/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"

#define FIRST_LINE "supervisord policy sources 1\n"

void sources_done(Sources *sources) {
    for (size_t i = 0; i < sources->n_items; i++) {
        free(sources->items[i].path);
        free(sources->items[i].text);
    }
    free(sources->items);
    *sources = (Sources){};
}

/* Takes the text, also on failure. */
static int add(Sources *sources, SourceKind kind, const char *path, size_t path_length, char *text, size_t length) {
    Source source = { .kind = kind, .path = strndup(path, path_length), .text = text, .length = length };

    int r = source.path ? grow(&sources->items, sizeof(Source), sources->n_items, &sources->allocated) : -ENOMEM;
    if (r < 0) {
        free(source.path);
        free(text);
        return r;
    }
    sources->items[sources->n_items++] = source;
    sources->n_bytes += length;
    return 0;
}

int sources_append(Sources *sources, SourceKind kind, const char *path, char *text, size_t length) {
    return add(sources, kind, path, strlen(path), text, length);
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const Source *sources_find(const Sources *sources, const char *path) {
    for (size_t i = 0; i < sources->n_items; i++)
        if (strcmp(sources->items[i].path, path) == 0)
            return &sources->items[i];
    return NULL;
}

/* The last one moves to where its kind and name say. */
static void sort_in(Sources *sources) {
    for (size_t i = sources->n_items - 1; i > 0; i--) {
        Source *earlier = &sources->items[i - 1], *later = earlier + 1, moved = *later;

        if (earlier->kind < later->kind ||
                (earlier->kind == later->kind && strcmp(base_name(earlier->path), base_name(later->path)) <= 0))
            break;
        *later = *earlier;
        *earlier = moved;
    }
}

static void replace_text(Sources *sources, Source *source, char *text, size_t length) {
    sources->n_bytes += length - source->length;
    free(source->text);
    source->text = text;
    source->length = length;
}

int sources_put(Sources *sources, SourceKind kind, const char *path, const char *text) {
    const Source *found = sources_find(sources, path);
    size_t length = strlen(text);

    if (length > POLICY_FILE_BYTES_MAX || sources->n_bytes + length > POLICY_BYTES_MAX)
        return -EFBIG;
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    if (found) {
        replace_text(sources, sources->items + (found - sources->items), copy, length);
        return 0;
    }
    int r = sources_append(sources, kind, path, copy, length);
    if (r >= 0)
        sort_in(sources);
    return r;
}

int sources_copy(const Sources *sources, Sources *ret) {
    _cleanup_(sources_done) Sources copy = {};

    for (size_t i = 0; i < sources->n_items; i++) {
        const Source *source = &sources->items[i];
        char *text = malloc(source->length + 1);

        if (!text)
            return -ENOMEM;
        memcpy(text, source->text, source->length + 1);
        int r = sources_append(&copy, source->kind, source->path, text, source->length);
        if (r < 0)
            return r;
    }
    *ret = copy;
    copy = (Sources){};
    return 0;
}

static void complain(Diagnostics *diagnostics, const char *path, int r) {
    if (r == -EFBIG)
        diagnostics_add(diagnostics, path, 0, NULL, NULL, "the file is larger than %d bytes", POLICY_FILE_BYTES_MAX);
    else
        diagnostics_add(diagnostics, path, 0, NULL, NULL, "cannot read the file: %s", strerror(-r));
}

int sources_read_file(Sources *sources, SourceKind kind, const char *path, Diagnostics *diagnostics) {
    char *text;
    size_t length;

    int r = file_read_all_at(AT_FDCWD, path, POLICY_FILE_BYTES_MAX, &text, &length);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        complain(diagnostics, path, r);
        return 0;
    }
    bool fits = sources->n_bytes + length <= POLICY_BYTES_MAX;
    if (!fits)
        diagnostics_add(
                diagnostics, path, 0, NULL, NULL, "all files together are larger than %d bytes", POLICY_BYTES_MAX);
    if (!fits || length == 0) {
        free(text);
        return 0;
    }
    r = sources_append(sources, kind, path, text, length);
    return r < 0 ? r : 1;
}

int sources_to_text(const Sources *sources, char **ret) {
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    if (!file)
        return -ENOMEM;
    fputs(FIRST_LINE, file);
    for (size_t i = 0; i < sources->n_items; i++) {
        const Source *source = &sources->items[i];

        fprintf(file, "%d %zu %zu\n%s", source->kind, strlen(source->path), source->length, source->path);
        fwrite(source->text, 1, source->length, file);
    }
    bool failed = ferror(file);
    if (fclose(file) < 0 || failed) {
        free(text);
        return -ENOMEM;
    }
    *ret = text;
    return 0;
}

/* Takes "2 24 350\n" at the cursor. */
static int take_numbers(const char **cursor, uint64_t numbers[static 3]) {
    for (size_t i = 0; i < 3; i++) {
        int r = parse_digits(cursor, &numbers[i]);
        if (r < 0 || **cursor != (i < 2 ? ' ' : '\n'))
            return -EBADMSG;
        ++*cursor;
    }
    return 0;
}

static int take_source(const char **cursor, const char *end, Sources *sources) {
    uint64_t numbers[3];

    int r = take_numbers(cursor, numbers);
    if (r < 0)
        return r;
    size_t left = end - *cursor, path_length = numbers[1], length = numbers[2];
    if (numbers[0] >= SOURCE_KINDS_COUNT || path_length > left || length > left - path_length)
        return -EBADMSG;
    const char *path = *cursor;
    char *text = malloc(length + 1);
    if (!text)
        return -ENOMEM;
    *(char *) mempcpy(text, path + path_length, length) = '\0';
    *cursor += path_length + length;
    return add(sources, numbers[0], path, path_length, text, length);
}

int sources_from_text(const char *text, size_t length, Sources *ret) {
    _cleanup_(sources_done) Sources sources = {};
    const char *cursor = text + strlen(FIRST_LINE), *end = text + length;

    if (strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) != 0)
        return -EBADMSG;
    while (cursor < end) {
        int r = take_source(&cursor, end, &sources);
        if (r < 0)
            return r;
    }
    *ret = sources;
    sources = (Sources){};
    return 0;
}
