/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Each line that says something stands below a comment with its place, "# FILE:LINE" or "# FILE:LINE [SECTION]". */

#include "tools/supctl/policy-text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/strv.h"

void policy_text_done(PolicyText *policy) {
    free(policy->text);
    free(policy->lines);
    *policy = (PolicyText){ 0 };
}

/* Cuts text at the last such mark, and returns what is behind it; NULL: there is none. */
static char *cut_last(char *text, const char *mark) {
    char *last = NULL;

    for (char *found = text; (found = strstr(found, mark)); found++)
        last = found;
    if (!last)
        return NULL;
    *last = '\0';
    return last + strlen(mark);
}

static void read_place(char *place, PolicyLine *line) {
    char *from = place[strlen(place) - 1] == ']' ? cut_last(place, " [") : NULL, *number;

    if (from)
        from[strlen(from) - 1] = '\0';
    number = cut_last(place, ":");
    line->file = place;
    line->from = from;
    if (!number || parse_u64(number, &line->line) < 0)
        line->line = 0;
}

/* True: it says something. */
static bool read_line(char *text, PolicyLine *line) {
    char *equals = strchr(text, '=');

    line->key = line->value = NULL;
    if (*text == '[') {
        line->section = text + 1;
        text[strlen(text) - 1] = '\0';
        return true;
    }
    if (!equals)
        return false;
    *equals = '\0';
    line->key = text;
    line->value = equals + 1;
    return true;
}

int policy_text_read(const char *text, PolicyText *ret) {
    _cleanup_(policy_text_done) PolicyText policy = { .text = strdup(text) };
    PolicyLine line = { .section = "", .file = "" };
    char *rest = policy.text, *word;

    if (!policy.text)
        return -ENOMEM;
    while ((word = strsep(&rest, "\n"))) {
        if (strncmp(word, "# ", 2) == 0)
            read_place(word + 2, &line);
        else if (read_line(word, &line)) {
            int r = grow(&policy.lines, sizeof(PolicyLine), policy.n_lines, &policy.n_allocated);
            if (r < 0)
                return r;
            policy.lines[policy.n_lines++] = line;
        }
    }
    *ret = policy;
    policy = (PolicyText){ 0 };
    return 0;
}

void policy_line_write(Json *json, const PolicyLine *line) {
    json_text(json, "section", line->section);
    json_text(json, "key", line->key);
    json_text(json, "value", line->value);
    json_text(json, "file", line->file);
    json_unsigned(json, "line", line->line);
    json_text(json, "from", line->from);
}
