/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What is wrong with some input, all of it, in the order found: `file:line: [section] Key=: message`. */

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

enum { DIAGNOSTICS_MAX = 200 }; /* further ones are only counted */

typedef struct Diagnostics {
    char **lines; /* NULL-terminated, formatted; owned */
    size_t n_lines;
    size_t n_dropped;
} Diagnostics;

void diagnostics_done(Diagnostics *diagnostics);

/* line 0: about the whole file. section and key may be NULL. Out of memory counts the line as dropped, never loses the failure. */
__attribute__((format(printf, 6, 7))) void diagnostics_add(Diagnostics *diagnostics, const char *file, unsigned line,
        const char *section, const char *key, const char *format, ...);

/* Takes the place away from what was found in this file, of which nobody has ever heard: "Key=: message". */
void diagnostics_hide_place(Diagnostics *diagnostics, const char *file);

/* The text for use in a message: as it is, or its beginning and "...", never half a character. Returns buffer. */
enum { EXCERPT_SIZE = 80 };
const char *diagnostics_excerpt(const char *text, char buffer[static EXCERPT_SIZE]);

void diagnostics_sort(Diagnostics *diagnostics);                  /* by file and line */
int diagnostics_text(const Diagnostics *diagnostics, char **ret); /* all of it, a line each; -ENOMEM */
bool diagnostics_any(const Diagnostics *diagnostics);
