/* SPDX-License-Identifier: GPL-2.0-or-later */

/* String arrays. The array grows by one string at a time: it is for argument lists, not for data. */

#include "base/strv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { GROW_FIRST = 8 };

char **strv_free(char **strv) {
    for (char **s = strv; s && *s; s++)
        free(*s);
    free(strv);
    return NULL;
}

size_t strv_length(char *const *strv) {
    size_t n = 0;

    while (strv && strv[n])
        n++;
    return n;
}

bool strv_has(char *const *strv, const char *text) {
    while (strv && *strv && strcmp(*strv, text) != 0)
        strv++;
    return strv && *strv;
}

int strv_push(char ***strv, const char *text) {
    char *copy = strdup(text);

    return copy ? strv_consume(strv, copy) : -ENOMEM;
}

int strv_consume(char ***strv, char *text) {
    size_t n = strv_length(*strv);
    char **larger = reallocarray(*strv, n + 2, sizeof(char *));

    if (!larger) {
        free(text);
        return -ENOMEM;
    }
    larger[n] = text;
    larger[n + 1] = NULL;
    *strv = larger;
    return 0;
}

int strv_split(char ***strv, const char *text, char separator) {
    for (const char *end; *text; text = *end ? end + 1 : end) {
        end = strchrnul(text, separator);
        if (end == text)
            continue;
        char *part = strndup(text, end - text);
        int r = part ? strv_consume(strv, part) : -ENOMEM;
        if (r < 0)
            return r;
    }
    return 0;
}

int strv_consume_assignment(char ***environment, char *assignment) {
    size_t name_length = strcspn(assignment, "=") + 1;

    for (char **old = *environment; old && *old; old++)
        if (strncmp(*old, assignment, name_length) == 0) {
            free(*old);
            *old = assignment;
            return 0;
        }
    return strv_consume(environment, assignment);
}

int strv_copy(char *const *strv, char ***ret) {
    _cleanup_(cleanup_strv_free) char **copy = NULL;

    if (strv) {
        copy = calloc(strv_length(strv) + 1, sizeof(char *));
        if (!copy)
            return -ENOMEM;
    }
    for (size_t i = 0; strv && strv[i]; i++) {
        copy[i] = strdup(strv[i]);
        if (!copy[i])
            return -ENOMEM;
    }
    *ret = TAKE_PTR(copy);
    return 0;
}

int text_printf(char **ret, const char *format, ...) {
    char *text;
    va_list arguments;

    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return -ENOMEM;
    *ret = text;
    return 0;
}

int grow(void *items, size_t item_size, size_t count, size_t *allocated) {
    void *array;

    if (count < *allocated)
        return 0;

    size_t wanted = *allocated > 0 ? *allocated * 2 : GROW_FIRST;
    /* memcpy, because a T ** may not be read as a void **. */
    memcpy(&array, items, sizeof(array));
    array = reallocarray(array, wanted, item_size);
    if (!array)
        return -ENOMEM;
    memcpy(items, &array, sizeof(array));
    *allocated = wanted;
    return 0;
}
