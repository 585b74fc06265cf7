/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Specifiers: one pass over the text, a letter at a time. */

#include "model/specifier.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <stdbool.h>

#include "base/cleanup.h"

/* What a letter stands for; NULL: nothing. ret_length: of the text that is meant. */
static const char *meaning(const Specifiers *specifiers, char letter, size_t *ret_length) {
    const char *at = strchrnul(specifiers->name, '@'), *text = NULL;

    switch (letter) {
    case '%':
        text = "%";
        break;
    case 'n':
    case 'N': /* there is no suffix to leave out */
    case 'p':
        text = specifiers->name;
        break;
    case 'i':
        text = *at ? at + 1 : "";
        break;
    case 'u':
        text = specifiers->user ? specifiers->user : "root";
        break;
    case 'H':
        text = specifiers->host;
        break;
    }
    if (text)
        *ret_length = letter == 'p' ? (size_t) (at - text) : strlen(text);
    return text;
}

static int write_expanded(FILE *file, const Specifiers *specifiers, const char *text) {
    for (const char *percent; *(percent = strchrnul(text, '%')); text = percent + 2) {
        size_t length;
        const char *meant = meaning(specifiers, percent[1], &length);

        if (!meant)
            return -EINVAL;
        fwrite(text, 1, percent - text, file);
        fwrite(meant, 1, length, file);
    }
    fputs(text, file);
    return 0;
}

int specifiers_expand(const Specifiers *specifiers, const char *text, char **ret, const char **ret_problem) {
    _cleanup_(cleanup_free) char *expanded = NULL;
    size_t size;
    FILE *file = open_memstream(&expanded, &size);

    if (!file)
        return -ENOMEM;
    int r = write_expanded(file, specifiers, text);
    bool failed = ferror(file);
    if (fclose(file) < 0 || failed)
        return -ENOMEM;
    if (r < 0) {
        *ret_problem = "unknown specifier; expected %n, %N, %p, %i, %u or %H, and %% for a percent sign";
        return r;
    }
    *ret = TAKE_PTR(expanded);
    return 0;
}
