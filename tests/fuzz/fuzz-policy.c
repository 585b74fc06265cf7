/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes as policy files give a policy whose groups all have a place, or else errors. A line "%% drop-in" or
 * "%% transient" begins another file of that kind, "%% leases" the addresses that were leased before.
 */

#include <errno.h>

#include "fuzz.h"
#include "model/policy/load.h"

enum { LEASES = SOURCE_KINDS_COUNT };

typedef struct Inputs {
    Sources files, transient, leases;
} Inputs;

static const struct {
    const char *line;
    SourceKind kind;
} kinds[] = {
    { "%% file\n", SOURCE_FILE },
    { "%% drop-in\n", SOURCE_DROP_IN },
    { "%% transient\n", SOURCE_TRANSIENT },
    { "%% leases\n", LEASES },
};

static void add_source(Sources *sources, SourceKind kind, const char *text, size_t length) {
    DEMAND(grow(&sources->items, sizeof(Source), sources->n_items, &sources->allocated) == 0);
    Source *source = &sources->items[sources->n_items++];
    *source = (Source){ .kind = kind, .path = strdup("f.ini"), .text = fuzz_text((const uint8_t *) text, length) };
    source->length = length;
    sources->n_bytes += length;
}

static const char *next_file(const char *text, const char *end, const char **ret_body, SourceKind *ret_kind) {
    const char *first = end;

    for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
        const char *at = memmem(text, (size_t) (end - text), kinds[i].line, strlen(kinds[i].line));
        if (at && at < first) {
            first = at;
            *ret_kind = kinds[i].kind;
            *ret_body = at + strlen(kinds[i].line);
        }
    }
    return first;
}

static void split(const char *text, size_t size, Inputs *inputs) {
    const char *end = text + size, *body = text;
    SourceKind kind = SOURCE_FILE, next_kind = SOURCE_FILE;

    for (;;) {
        const char *next_body = NULL, *stop = next_file(body, end, &next_body, &next_kind);
        Sources *sources = kind == SOURCE_TRANSIENT      ? &inputs->transient
                           : kind == (SourceKind) LEASES ? &inputs->leases
                                                         : &inputs->files;
        add_source(sources, kind, body, (size_t) (stop - body));
        if (!next_body)
            return;
        body = next_body;
        kind = next_kind;
    }
}

static void inputs_done(Inputs *inputs) {
    sources_done(&inputs->files);
    sources_done(&inputs->transient);
    sources_done(&inputs->leases);
}

/* What a section may say always comes to rules that fit. */
static void check_filters(const Filters *filters) {
    FilterRules rules;

    DEMAND(filter_rules_of_devices(filters, NULL, 0, &rules) == 0);
    filter_rules_done(&rules);
    DEMAND(filter_rules_of_addresses(&filters, 1, &rules) == 0 && rules.n <= FILTER_PREFIXES_MAX);
    filter_rules_done(&rules);
    DEMAND(filter_rules_of_binds(filters, &rules) == 0 && rules.n <= FILTER_RULES_MAX);
    filter_rules_done(&rules);
}

static void check_policy(const Policy *policy) {
    char path[SLICE_DEPTH_MAX * 80];

    for (size_t i = 0; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i];

        DEMAND(group->index == i && policy_group(policy, group->name) == group);
        DEMAND(!group->parent || group->parent->index < i);
        DEMAND(group_path(group, path, sizeof(path)) == 0);
        DEMAND(!group->workload || group->workload->exec.arguments[0][0] == '/');
        DEMAND(policy_metrics_of(policy, group) != 0);
        check_filters(&group->filters);
    }
}

/* What is kept of the policy is what was read. */
static void check_copy(const Sources *sources) {
    _cleanup_(sources_done) Sources copy = {};
    _cleanup_(cleanup_free) char *text = NULL;

    DEMAND(sources_to_text(sources, &text) == 0);
    DEMAND(sources_from_text(text, strlen(text), &copy) == 0);
    DEMAND(copy.n_items == sources->n_items && copy.n_bytes == sources->n_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const HostFacts facts = {
        .scale = { .memory_total_bytes = UINT64_C(1) << 30, .page_bytes = 4096, .cpus = 2 }, .name = "node"
    };
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {}, again = {};
    _cleanup_(cleanup_policy_unref) Policy *policy = NULL;
    _cleanup_(cleanup_free) char *listed = NULL;
    _cleanup_(inputs_done) Inputs inputs = {};

    split((const char *) data, size, &inputs);
    const char *leases = inputs.leases.n_items > 0 ? inputs.leases.items[0].text : NULL;
    int r = policy_parse(&inputs.files, &inputs.transient, leases, &facts, &diagnostics, &policy);
    DEMAND(r == 0 || r == -EBADMSG);
    DEMAND((r == 0) == (policy != NULL) && (r == 0) == !diagnostics_any(&diagnostics));
    if (policy) {
        check_policy(policy);
        DEMAND(policy_list(&inputs.files, &inputs.transient, &facts, "", &again, &listed) == 0);
    }
    if (!memchr(data, '\0', size))
        check_copy(&inputs.files);
    return 0;
}
