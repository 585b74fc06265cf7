/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* "(did you mean ...?)": of all words that would have been right, the one nearest to the wrong one, if any is near. */

#include <stddef.h>

enum { SUGGESTION_TEXT_MAX = 128 };

typedef struct Suggestion {
    const char *wrong;
    const char *nearest; /* NULL: none is near */
    unsigned distance;
} Suggestion;

void suggestion_offer(Suggestion *suggestion, const char *word);
/* " (did you mean BEFORE nearest AFTER?)" without the blanks around the word, or "". Returns buffer. */
const char *suggestion_text(
        const Suggestion *suggestion, const char *before, const char *after, char *buffer, size_t size);
