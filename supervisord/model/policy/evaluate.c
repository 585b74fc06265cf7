/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Evaluation: what sections say, as text -> values. A workload is given first what the slices around it say for all that
 * is in them, the outermost first, then what it says itself; so one rule serves for defaults, lists and resets.
 */

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "model/policy/draft.h"
#include "model/specifier.h"
#include "model/suggestion.h"

#define complain(drafts, draft, assignment, ...)                                                               \
    diagnostics_add((drafts)->diagnostics, (assignment)->place.file, (assignment)->place.line, (draft)->title, \
            key_name((assignment)->key), __VA_ARGS__)

/* By key: %u in a value needs User=, whatever their order. */
typedef enum Round {
    ROUND_SLICE,
    ROUND_USER,
    ROUND_OTHERS,
} Round;

static Round round_of(KeyId key) {
    return key == KEY_SLICE ? ROUND_SLICE : key == KEY_USER ? ROUND_USER : ROUND_OTHERS;
}

static void complain_value(const Drafts *drafts, const Draft *draft, const Assignment *assignment, const char *value) {
    char excerpt[EXCERPT_SIZE], text[SUGGESTION_TEXT_MAX];
    Suggestion suggestion = { .wrong = excerpt };
    const char *word;

    *strchrnul(diagnostics_excerpt(value, excerpt), ':') = '\0';
    for (unsigned i = 0; (word = key_word(assignment->key, i)); i++)
        suggestion_offer(&suggestion, word);
    suggestion_text(&suggestion, "", "", text, sizeof(text));
    complain(drafts, draft, assignment, "expected %s, not '%s'%s", key_expects(assignment->key),
            diagnostics_excerpt(value, excerpt), text);
}

static int expand(const Drafts *drafts, const Draft *draft, const char *value, char **ret, const char **ret_problem) {
    const Workload *workload = draft->object;
    const Specifiers specifiers = {
        .name = draft->group->name,
        .user = workload->exec.user,
        .host = drafts->facts->name,
    };

    return specifiers_expand(&specifiers, value, ret, ret_problem);
}

/* ret_expanded: the value, when it is not as it was written. */
static int evaluate(const Drafts *drafts, Draft *draft, const Assignment *assignment, char **ret_expanded,
        const char **ret_problem) {
    const char *value = assignment->value;

    if (key_has_specifiers(assignment->key) && strchr(value, '%')) {
        int r = expand(drafts, draft, value, ret_expanded, ret_problem);
        if (r < 0)
            return r;
        if (draft->kind == SECTION_SLICE && key_is_inherited(assignment->key))
            return 0; /* what it comes to is seen in each workload */
        value = *ret_expanded;
        if (!*value) {
            *ret_problem = "nothing is left of the value when its specifiers are expanded";
            return -EINVAL;
        }
    }
    return key_assign(assignment->key, draft, value, &drafts->facts->scale, ret_problem);
}

/* A list is what it was and one more; an empty value is nothing. */
static void note_said(Draft *draft, KeyId key, const char *value) {
    uint64_t before = key_is_list(key) && draft->said[key] ? draft->said[key] : HASH_START;

    draft->said[key] = *value ? hash_bytes(before, value, strlen(value) + 1) : 0;
}

/* 0 also when it was reported. */
static int assign(const Drafts *drafts, Draft *draft, Assignment *assignment) {
    _cleanup_(cleanup_free) char *expanded = NULL;
    const char *problem = NULL;

    int r = evaluate(drafts, draft, assignment, &expanded, &problem);
    if (r >= 0)
        note_said(draft, assignment->key, expanded ?: assignment->value);
    if (r >= 0 || r == -ENOMEM)
        return r;
    assignment->place.refused = draft->places[assignment->key].refused = true;
    if (problem)
        complain(drafts, draft, assignment, "%s", problem);
    else
        complain_value(drafts, draft, assignment, expanded ?: assignment->value);
    return 0;
}

static int assign_own(const Drafts *drafts, Draft *draft, Round round) {
    int r = 0;

    for (size_t i = 0; i < draft->n_assignments && r >= 0; i++)
        if (round_of(draft->assignments[i].key) == round)
            r = assign(drafts, draft, &draft->assignments[i]);
    return r;
}

/* What was reported in the slice is not reported again. */
static int assign_inherited(const Drafts *drafts, Draft *draft, const Draft *slice, Round round) {
    int r = 0;

    for (size_t i = 0; i < slice->n_assignments && r >= 0; i++) {
        Assignment assignment = slice->assignments[i];

        if (round_of(assignment.key) == round && key_is_inherited(assignment.key) && !assignment.place.refused)
            r = assign(drafts, draft, &assignment);
    }
    return r;
}

size_t draft_slices(const Drafts *drafts, const Draft *draft, const Draft *ret_slices[static SLICE_DEPTH_MAX]) {
    size_t n = 0, i = 0;

    for (const Group *slice = draft->group ? draft->group->parent : NULL; slice; slice = slice->parent)
        n++;
    for (const Group *slice = n > 0 ? draft->group->parent : NULL; slice; slice = slice->parent)
        ret_slices[n - ++i] = drafts->of_group[slice->index];
    return n;
}

static int assign_all(const Drafts *drafts, Draft *draft, Round round) {
    const Draft *slices[SLICE_DEPTH_MAX];
    size_t n = draft->kind == SECTION_WORKLOAD ? draft_slices(drafts, draft, slices) : 0;
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++)
        r = assign_inherited(drafts, draft, slices[i], round);
    return r < 0 ? r : assign_own(drafts, draft, round);
}

/* Slices first, so that what is wrong with them is known when it comes to their workloads. */
static int assign_round(const Drafts *drafts, Round round) {
    int r = 0;

    for (size_t i = 0; i < drafts->n_items && r >= 0; i++)
        if (drafts->items[i]->kind == SECTION_SLICE)
            r = assign_all(drafts, drafts->items[i], round);
    for (size_t i = 0; i < drafts->n_items && r >= 0; i++)
        if (drafts->items[i]->kind != SECTION_SLICE)
            r = assign_all(drafts, drafts->items[i], round);
    return r;
}

static int index_groups(Drafts *drafts) {
    const Policy *policy = drafts->policy;

    drafts->of_group = calloc(policy->n_groups + 1, sizeof(Draft *));
    if (!drafts->of_group)
        return -ENOMEM;
    for (size_t i = 0; i < policy->n_groups; i++)
        policy->groups[i]->index = i;
    for (size_t i = 0; i < drafts->n_items; i++)
        if (drafts->items[i]->group)
            drafts->of_group[drafts->items[i]->group->index] = drafts->items[i];
    return 0;
}

int drafts_evaluate_slices(Drafts *drafts) {
    int r = index_groups(drafts);

    return r < 0 ? r : assign_round(drafts, ROUND_SLICE);
}

/* By name: numbers of keys change from version to version. */
static uint64_t recipe_of(const Draft *draft) {
    uint64_t hash = HASH_START;

    for (KeyId key = 0; key < KEYS_COUNT; key++)
        if (key_is_of_recipe(key) && draft->said[key]) {
            hash = hash_bytes(hash, key_name(key), strlen(key_name(key)));
            hash = hash_bytes(hash, &draft->said[key], sizeof(draft->said[key]));
        }
    return hash ?: 1;
}

int drafts_evaluate(Drafts *drafts) {
    int r = assign_round(drafts, ROUND_USER);

    if (r >= 0)
        r = assign_round(drafts, ROUND_OTHERS);
    for (size_t i = 0; i < drafts->n_items && r >= 0; i++)
        if (drafts->items[i]->kind == SECTION_WORKLOAD)
            ((Workload *) drafts->items[i]->object)->recipe = recipe_of(drafts->items[i]);
    return r;
}
