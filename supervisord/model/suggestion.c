/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Suggestions: a word in the wrong case is as near as can be; short words must be nearer than long ones. */

#include "model/suggestion.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"

enum {
    NEAR_MAX = 3,       /* edits */
    BYTES_PER_EDIT = 5, /* a word must have for each edit after the first */
};

static unsigned near(const char *word) {
    size_t edits = 1 + strlen(word) / BYTES_PER_EDIT;

    return edits < NEAR_MAX ? edits : NEAR_MAX;
}

void suggestion_offer(Suggestion *suggestion, const char *word) {
    const char *wrong = suggestion->wrong;
    unsigned max = near(wrong), distance = strcasecmp(wrong, word) == 0 ? 0 : edit_distance(wrong, word, max);

    /* Where the word itself is right, something else is wrong. */
    if (strcmp(wrong, word) == 0 || distance > max || (suggestion->nearest && distance >= suggestion->distance))
        return;
    suggestion->nearest = word;
    suggestion->distance = distance;
}

const char *suggestion_text(
        const Suggestion *suggestion, const char *before, const char *after, char *buffer, size_t size) {
    if (suggestion->nearest)
        snprintf(buffer, size, " (did you mean %s%s%s?)", before, suggestion->nearest, after);
    else
        buffer[0] = '\0';
    return buffer;
}
