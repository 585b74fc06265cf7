/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Drafts: every section that is read becomes one, also a refused one, so that the values in it are checked; what a
 * refused draft fills in never leaves the loader, because a policy comes out only when nothing was reported.
 */

#include "model/policy/draft.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "model/suggestion.h"

static const char *const section_names[SECTION_KINDS_COUNT] = {
    [SECTION_SUPERVISORD] = "supervisord",
    [SECTION_SLICE] = "slice",
    [SECTION_WORKLOAD] = "workload",
    [SECTION_NETWORK] = "network",
};

#define complain(drafts, line, section, key, ...) \
    diagnostics_add((drafts)->diagnostics, (drafts)->file, line, section, key, __VA_ARGS__)

static int compare_titles(const void *a, const void *b) {
    return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The first draft with this title, else NULL. */
static Draft *find_draft(const Drafts *drafts, const char *title) {
    char **found = tfind(&title, &drafts->by_title, compare_titles);

    return found ? (Draft *) (*found - offsetof(Draft, title)) : NULL;
}

static int add_group(Drafts *drafts, Draft *draft, const char *name) {
    Policy *policy = drafts->policy;

    int r = grow(&policy->groups, sizeof(Group *), policy->n_groups, &drafts->groups_allocated);
    if (r >= 0)
        r = grow(&policy->by_name, sizeof(Group *), policy->n_groups, &drafts->by_name_allocated);
    if (r < 0)
        return r;
    Group *group = calloc(1, sizeof(Group));
    if (!group)
        return -ENOMEM;
    policy->groups[policy->n_groups++] = group;
    draft->group = group;
    group->n_references = 1;
    draft->limits = group->limits;
    group->kind = draft->kind == SECTION_WORKLOAD ? GROUP_WORKLOAD : GROUP_SLICE;
    group->name = strdup(name);
    group->origin = (Origin){ strdup(draft->place.file), draft->place.line };
    Workload *workload = draft->object = calloc(1, sizeof(Workload));
    if (group->kind == GROUP_WORKLOAD)
        group->workload = workload;
    if (!group->name || !group->origin.file || !workload)
        return -ENOMEM;
    if (group->workload)
        group->workload->transient = draft->transient;
    policy_index_group(policy, group);
    return 0;
}

static int add_network(Drafts *drafts, Draft *draft, const char *name) {
    Policy *policy = drafts->policy;

    int r = grow(&policy->networks, sizeof(Network *), policy->n_networks, &drafts->networks_allocated);
    if (r < 0)
        return r;
    Network *network = calloc(1, sizeof(Network));
    if (!network)
        return -ENOMEM;
    network->index = policy->n_networks;
    policy->networks[policy->n_networks++] = network;
    draft->object = network;
    network->name = strdup(name);
    network->origin = (Origin){ strdup(draft->place.file), draft->place.line };
    return network->name && network->origin.file ? 0 : -ENOMEM;
}

static int add_object(Drafts *drafts, Draft *draft, const char *name) {
    switch (draft->kind) {
    case SECTION_SLICE:
    case SECTION_WORKLOAD:
        return add_group(drafts, draft, name);
    case SECTION_NETWORK:
        return add_network(drafts, draft, name);
    default:
        draft->object = &drafts->policy->settings;
        draft->limits = drafts->policy->settings.tree;
        return 0;
    }
}

static int add_draft(Drafts *drafts, SectionKind kind, const char *title, const char *name, Place place, Draft **ret) {
    int r = grow(&drafts->items, sizeof(Draft *), drafts->n_items, &drafts->allocated);
    if (r < 0)
        return r;
    Draft *draft = calloc(1, sizeof(Draft));
    if (!draft)
        return -ENOMEM;
    drafts->items[drafts->n_items++] = draft;
    draft->kind = kind;
    draft->transient = drafts->source == SOURCE_TRANSIENT;
    draft->place = place;
    draft->title = strdup(title);
    if (!draft->title || !tsearch(&draft->title, &drafts->by_title, compare_titles))
        return -ENOMEM;
    r = add_object(drafts, draft, name);
    if (r < 0)
        return r;
    r = draft_assign_defaults(draft);
    if (r < 0)
        return r;
    *ret = draft;
    return 0;
}

static int kind_of(const char *title) {
    size_t length = strcspn(title, ":");

    for (SectionKind kind = 0; kind < SECTION_KINDS_COUNT; kind++)
        if (strlen(section_names[kind]) == length && memcmp(section_names[kind], title, length) == 0)
            return kind;
    return -1;
}

static void complain_unknown_section(const Drafts *drafts, unsigned line, const char *title) {
    char excerpt[EXCERPT_SIZE], wrong[EXCERPT_SIZE], after[EXCERPT_SIZE + 1], text[2 * EXCERPT_SIZE];
    const char *rest = diagnostics_excerpt(title, excerpt) + strcspn(excerpt, ":");
    Suggestion suggestion = { .wrong = wrong };

    *(char *) mempcpy(wrong, excerpt, rest - excerpt) = '\0';
    snprintf(after, sizeof(after), "%s]", rest);
    for (SectionKind kind = 0; kind < SECTION_KINDS_COUNT; kind++)
        suggestion_offer(&suggestion, section_names[kind]);
    complain(drafts, line, excerpt, NULL,
            "unknown section; expected [supervisord], [slice:NAME], [workload:NAME] or [network:NAME]%s",
            suggestion_text(&suggestion, "[", after, text, sizeof(text)));
}

/* "workload:web" -> what it is; false if it was reported. */
static bool check_title(const Drafts *drafts, unsigned line, const char *title, SectionKind *ret_kind) {
    int kind = kind_of(title);
    bool named = strchr(title, ':');
    char excerpt[EXCERPT_SIZE];

    if (kind < 0)
        complain_unknown_section(drafts, line, title);
    else if (kind == SECTION_SUPERVISORD && named)
        complain(drafts, line, diagnostics_excerpt(title, excerpt), NULL, "the section takes no name");
    else if (kind != SECTION_SUPERVISORD && !named)
        complain(drafts, line, title, NULL, "the section needs a name: [%s:NAME]", title);
    else {
        *ret_kind = kind;
        return true;
    }
    return false;
}

static bool check_room(const Drafts *drafts, unsigned line, SectionKind kind) {
    if (kind == SECTION_NETWORK && drafts->policy->n_networks >= NETWORKS_MAX)
        complain(drafts, line, NULL, NULL, "more than %d networks", NETWORKS_MAX);
    else if (kind != SECTION_NETWORK && drafts->policy->n_groups >= GROUPS_MAX)
        complain(drafts, line, NULL, NULL, "more than %d slices and workloads", GROUPS_MAX);
    else
        return true;
    return false;
}

/* A new section: its name, and that there is none like it. False if something was reported. */
static bool check_name(
        const Drafts *drafts, unsigned line, SectionKind kind, const char *title, const char *name, const Draft *same) {
    const Group *group = policy_group(drafts->policy, name);
    char excerpt[EXCERPT_SIZE];

    diagnostics_excerpt(title, excerpt);
    if (same)
        complain(drafts, line, excerpt, NULL, "the section is already at %s:%u", same->place.file, same->place.line);
    else if (kind != SECTION_NETWORK && group)
        complain(drafts, line, excerpt, NULL, "the name is already that of the %s at %s:%u",
                group_kind_name(group->kind), group->origin.file, group->origin.line);
    else if (strlen(name) > NAME_LENGTH_MAX)
        complain(drafts, line, excerpt, NULL, "the name is longer than %d bytes", NAME_LENGTH_MAX);
    else if (!name_is_valid(name))
        complain(drafts, line, excerpt, NULL,
                "bad name; expected letters, digits and _ . @ -, and a letter or digit at its beginning");
    else
        return true;
    return false;
}

/* A section stands once in all files; drop-ins say more of it. */
static bool may_extend(const Drafts *drafts, const Draft *draft) {
    return draft->place.line == 0 || (drafts->source != SOURCE_FILE && draft->file != drafts->file);
}

static int open_new(
        Drafts *drafts, unsigned line, SectionKind kind, const char *title, const Draft *same, Draft **ret) {
    const char *name = title + strcspn(title, ":") + 1;
    bool refused = !check_name(drafts, line, kind, title, name, same);
    Draft *draft = NULL;

    if (check_room(drafts, line, kind)) {
        int r = add_draft(drafts, kind, title, name, (Place){ .file = drafts->file, .line = line }, &draft);
        if (r < 0)
            return r;
        draft->refused = refused;
    }
    *ret = draft;
    return 0;
}

static int on_section(void *userdata, unsigned line, const char *title) {
    Drafts *drafts = userdata;
    SectionKind kind;

    drafts->section = NULL;
    if (!title || !check_title(drafts, line, title, &kind))
        return 0;

    Draft *draft = find_draft(drafts, title);
    if (!draft || !may_extend(drafts, draft)) {
        int r = open_new(drafts, line, kind, title, draft, &draft);
        if (r < 0 || !draft)
            return r;
    }
    if (draft->place.line == 0)
        draft->place = (Place){ .file = drafts->file, .line = line };
    draft->file = drafts->file;
    drafts->section = draft;
    return 0;
}

static void complain_unknown_key(const Drafts *drafts, unsigned line, const char *key) {
    Suggestion suggestion = { .wrong = key };
    char text[SUGGESTION_TEXT_MAX];

    for (KeyId id = 0; id < KEYS_COUNT; id++)
        if (key_belongs(id, drafts->section->kind))
            suggestion_offer(&suggestion, key_name(id));
    complain(drafts, line, drafts->section->title, key, "unknown key%s",
            suggestion_text(&suggestion, "", "=", text, sizeof(text)));
}

static void complain_misplaced_key(const Drafts *drafts, unsigned line, KeyId key) {
    char places[AMOUNT_TEXT_MAX] = "";
    size_t length = 0;

    for (SectionKind kind = 0; kind < SECTION_KINDS_COUNT; kind++)
        if (key_belongs(key, kind))
            length += snprintf(places + length, sizeof(places) - length, "%s[%s%s]", length > 0 ? " or " : "",
                    section_names[kind], kind == SECTION_SUPERVISORD ? "" : ":NAME");
    complain(drafts, line, drafts->section->title, key_name(key), "the key does not belong here, but in %s", places);
}

static int add_assignment(Drafts *drafts, unsigned line, KeyId key, const char *value) {
    Draft *draft = drafts->section;
    Place place = { .file = drafts->file, .line = line };

    int r = grow(&draft->assignments, sizeof(Assignment), draft->n_assignments, &draft->assignments_allocated);
    if (r < 0)
        return r;
    draft->assignments[draft->n_assignments++] = (Assignment){ key, value, place };
    if (!*value)
        place.line = 0; /* it is as if nothing had been said */
    draft->places[key] = place;
    return 0;
}

static int on_assignment(void *userdata, unsigned line, const char *key_text, const char *value) {
    Drafts *drafts = userdata;
    int key = key_by_name(key_text);

    if (!drafts->section)
        return 0;
    if (key < 0) {
        complain_unknown_key(drafts, line, key_text);
        return 0;
    }
    if (!key_belongs(key, drafts->section->kind)) {
        complain_misplaced_key(drafts, line, key);
        return 0;
    }

    const Place *before = &drafts->section->places[key];
    if (before->line > 0 && before->file == drafts->file && *value && !key_is_list(key)) {
        complain(drafts, line, drafts->section->title, key_text, "the key is already given in line %u", before->line);
        return 0;
    }
    return add_assignment(drafts, line, key, value);
}

int drafts_read(Drafts *drafts, const Source *source) {
    static const PolicyReaderCalls calls = { .section = on_section, .assignment = on_assignment };
    char *text = malloc(source->length + 1); /* reading changes it; the source stays */

    if (!text)
        return -ENOMEM;
    memcpy(text, source->text, source->length + 1);
    int r = strv_consume(&drafts->texts, text);
    if (r < 0)
        return r;
    drafts->file = source->path;
    drafts->source = source->kind;
    drafts->section = NULL;
    return policy_read(source->path, text, source->length, drafts->diagnostics, &calls, drafts);
}

int drafts_begin(Drafts *drafts) {
    Draft *settings;

    return add_draft(drafts, SECTION_SUPERVISORD, section_names[SECTION_SUPERVISORD], "", (Place){}, &settings);
}

/* What is wanted at run time of a slice or workload that is no longer there means nothing. A run says what it executes. */
static bool is_orphan(const Draft *draft) {
    return draft->group && draft->transient && !draft->refused && draft->places[KEY_EXEC_START].line == 0;
}

static size_t leave_out(Group **groups, size_t n_groups, const Group *group) {
    size_t n = 0;

    for (size_t i = 0; i < n_groups; i++)
        if (groups[i] != group)
            groups[n++] = groups[i];
    return n;
}

static void drop_group(Policy *policy, const Group *group) {
    leave_out(policy->by_name, policy->n_groups, group);
    policy->n_groups = leave_out(policy->groups, policy->n_groups, group);
}

void drafts_drop_orphans(Drafts *drafts) {
    size_t n = 0;

    for (size_t i = 0; i < drafts->n_items; i++) {
        Draft *draft = drafts->items[i];
        if (is_orphan(draft)) {
            drop_group(drafts->policy, draft->group);
            group_unref(draft->group);
            draft_free(draft);
        } else
            drafts->items[n++] = draft;
    }
    drafts->n_items = n;
}

static void ignore(void *title) {
}

void drafts_done(Drafts *drafts) {
    for (size_t i = 0; i < drafts->n_items; i++)
        draft_free(drafts->items[i]);
    free(drafts->items);
    free(drafts->of_group);
    tdestroy(drafts->by_title, ignore);
    strv_free(drafts->texts);
}
