/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The policy as text again: each section once, with the assignments that count, each below the place that it comes from;
 * in a workload also those that it has from the slices around it.
 */

#include <string.h>

#include "model/policy/draft.h"

typedef struct Line {
    const Assignment *assignment;
    const Draft *from; /* the section that says it */
} Line;

/* What counts of a section, in the order in which it was said. */
typedef struct Lines {
    Line *items;
    size_t n_items, allocated;
} Lines;

static void lines_done(Lines *lines) {
    free(lines->items);
}

/* Takes out what was said of the key before. True: some of it by another section. */
static bool take_back(Lines *lines, KeyId key, const Draft *from) {
    bool other = false;
    size_t n = 0;

    for (size_t i = 0; i < lines->n_items; i++)
        if (lines->items[i].assignment->key == key)
            other = other || lines->items[i].from != from;
        else
            lines->items[n++] = lines->items[i];
    lines->n_items = n;
    return other;
}

static int say(Lines *lines, const Assignment *assignment, const Draft *from) {
    bool is_reset = !*assignment->value, counts = true;

    if (is_reset || !key_is_list(assignment->key)) {
        bool other = take_back(lines, assignment->key, from);
        /* A reset of one's own says nothing, but that of what a slice around gives does. */
        counts = !is_reset || other || (from->kind == SECTION_SLICE && key_is_inherited(assignment->key));
    }
    if (!counts)
        return 0;
    int r = grow(&lines->items, sizeof(Line), lines->n_items, &lines->allocated);
    if (r < 0)
        return r;
    lines->items[lines->n_items++] = (Line){ assignment, from };
    return 0;
}

static int say_all(Lines *lines, const Draft *from, bool inherited) {
    int r = 0;

    for (size_t i = 0; i < from->n_assignments && r >= 0; i++)
        if (!inherited || key_is_inherited(from->assignments[i].key))
            r = say(lines, &from->assignments[i], from);
    return r;
}

static int collect(const Drafts *drafts, const Draft *draft, Lines *lines) {
    const Draft *slices[SLICE_DEPTH_MAX];
    size_t n = draft->kind == SECTION_WORKLOAD ? draft_slices(drafts, draft, slices) : 0;
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++)
        r = say_all(lines, slices[i], true);
    return r < 0 ? r : say_all(lines, draft, false);
}

static void print_line(FILE *out, const Line *line, const Draft *draft) {
    const Assignment *assignment = line->assignment;

    fprintf(out, "# %s:%u", assignment->place.file, assignment->place.line);
    if (line->from != draft)
        fprintf(out, " [%s]", line->from->title);
    fprintf(out, "\n%s=%s\n", key_name(assignment->key), assignment->value);
}

/* Keys stand in the order of their table, however many files they come from. */
static int print_draft(FILE *out, const Drafts *drafts, const Draft *draft) {
    _cleanup_(lines_done) Lines lines = {};

    int r = collect(drafts, draft, &lines);
    if (r < 0)
        return r;
    fprintf(out, "# %s:%u\n[%s]\n", draft->place.file, draft->place.line, draft->title);
    for (KeyId key = 0; key < KEYS_COUNT; key++)
        for (size_t i = 0; i < lines.n_items; i++)
            if (lines.items[i].assignment->key == key)
                print_line(out, &lines.items[i], draft);
    return 0;
}

static bool is_meant(const Draft *draft, const char *name) {
    const char *colon = strchr(draft->title, ':');

    if (draft->place.line == 0)
        return false; /* no source speaks of it */
    return !*name || strcmp(colon ? colon + 1 : draft->title, name) == 0;
}

int drafts_list(const Drafts *drafts, const char *name, FILE *out) {
    int n = 0;

    for (size_t i = 0; i < drafts->n_items; i++) {
        if (!is_meant(drafts->items[i], name))
            continue;
        if (n++ > 0)
            fputc('\n', out);
        int r = print_draft(out, drafts, drafts->items[i]);
        if (r < 0)
            return r;
    }
    return n;
}
