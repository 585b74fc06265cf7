/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Checks between sections, in passes: each goes over all drafts and may rely on what the passes before it resolved or
 * cut. A wrong reference is cut after its report, so that one mistake is reported once and every walk upwards ends.
 */

#include "model/policy/check.h"

#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "model/policy/check-pass.h"
#include "model/suggestion.h"

/* Looking for near names among thousands takes time: only the first errors are worth it. */
enum { SUGGESTING_LINES_MAX = 20 };

typedef void (*CheckPass)(const Check *check, Draft *draft);

bool check_is_given(const Draft *draft, KeyId key) {
    return draft->places[key].line > 0;
}

bool check_is_good(const Draft *draft, KeyId key) {
    return check_is_given(draft, key) && !draft->places[key].refused;
}

static void check_required(const Check *check, Draft *draft) {
    for (KeyId key = 0; key < KEYS_COUNT; key++)
        if (key_belongs(key, draft->kind) && key_is_required(key) && !check_is_given(draft, key))
            complain(check, draft, key, "the key is missing; expected %s", key_expects(key));
}

bool check_is_suggesting(const Check *check) {
    return check->diagnostics->n_lines < SUGGESTING_LINES_MAX;
}

static void complain_unknown_slice(const Check *check, const Draft *draft) {
    Suggestion suggestion = { .wrong = draft->slice_name };
    char excerpt[EXCERPT_SIZE], text[SUGGESTION_TEXT_MAX];

    for (size_t i = 0; i < check->policy->n_groups && check_is_suggesting(check); i++)
        if (check->policy->groups[i]->kind == GROUP_SLICE)
            suggestion_offer(&suggestion, check->policy->groups[i]->name);
    complain(check, draft, KEY_SLICE, "there is no slice '%s'%s", diagnostics_excerpt(draft->slice_name, excerpt),
            suggestion_text(&suggestion, "", "", text, sizeof(text)));
}

static void resolve_slice(const Check *check, Draft *draft) {
    if (!draft->slice_name)
        return;
    Group *parent = policy_group(check->policy, draft->slice_name);
    if (!parent)
        complain_unknown_slice(check, draft);
    else if (parent->kind != GROUP_SLICE)
        complain(check, draft, KEY_SLICE, "'%s' is a %s, not a slice", parent->name, group_kind_name(parent->kind));
    else
        draft->group->parent = parent;
}

/* A walk that starts below a cycle, not in it, would never come back: it is given as many steps as there are groups. */
static void cut_cycle(const Check *check, Draft *draft) {
    const Group *group = draft->group, *ancestor = group ? group->parent : NULL;

    for (size_t steps = 0; ancestor && ancestor != group && steps < check->policy->n_groups; steps++)
        ancestor = ancestor->parent;
    if (!ancestor || ancestor != group)
        return;
    complain(check, draft, KEY_SLICE, "the slice would be within itself, by way of slice '%s'", group->parent->name);
    draft->group->parent = NULL;
}

static void cut_depth(const Check *check, Draft *draft) {
    unsigned depth = 0;

    if (draft->kind != SECTION_SLICE)
        return;
    for (const Group *group = draft->group; group; group = group->parent)
        depth++;
    if (depth <= SLICE_DEPTH_MAX)
        return;
    complain(check, draft, KEY_SLICE, "slices nest deeper than %d levels", SLICE_DEPTH_MAX);
    draft->group->parent = NULL;
}

static void check_meter_memory(const Check *check, Draft *draft) {
    const Settings *settings = &check->policy->settings;
    char needs[AMOUNT_TEXT_MAX], allowed[AMOUNT_TEXT_MAX];
    uint64_t bytes = meter_memory_bytes(settings->workloads_max, check->scale->cpus);

    if (draft->kind != SECTION_SUPERVISORD || bytes <= settings->meter_memory_max)
        return;
    complain(check, draft, KEY_METER_MEMORY_MAX,
            "counting %" PRIu64 " workloads on %" PRIu64 " CPUs takes %s, more than %s; see WorkloadsMax=",
            settings->workloads_max, check->scale->cpus, format_bytes(bytes, needs, sizeof(needs)),
            format_bytes(settings->meter_memory_max, allowed, sizeof(allowed)));
}

static void check_alone(const Check *check, Draft *draft) {
    check_required(check, draft);
    check_network_alone(check, draft);
}

static void check_against_others(const Check *check, Draft *draft) {
    check_limits_against_others(check, draft);
    check_cpu_against_others(check, draft);
    check_meter_memory(check, draft);
    check_network_against_others(check, draft);
}

static void run_passes(const Check *check, const CheckPass *passes, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < check->n_drafts; j++)
            if (!check->drafts[j]->refused)
                passes[i](check, check->drafts[j]);
}

void policy_check_slices(
        Policy *policy, const LimitScale *scale, Draft *const *drafts, size_t n_drafts, Diagnostics *diagnostics) {
    static const CheckPass passes[] = { resolve_slice, cut_cycle, cut_depth };
    const Check check = { policy, scale, drafts, n_drafts, diagnostics };

    run_passes(&check, passes, ELEMENTSOF(passes));
}

void policy_check(
        Policy *policy, const LimitScale *scale, Draft *const *drafts, size_t n_drafts, Diagnostics *diagnostics) {
    static const CheckPass passes[] = { check_alone, check_cpu_short_forms, check_limits_alone, check_against_others };
    const Check check = { policy, scale, drafts, n_drafts, diagnostics };

    run_passes(&check, passes, ELEMENTSOF(passes));
}
