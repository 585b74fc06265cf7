/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The keys of all families and of the limits as one row of numbers. */

#include "model/policy/key.h"

#include <errno.h>
#include <string.h>

static const struct {
    KeyId first;
    const Key *keys;
} families[] = {
    { KEYS_NODE, keys_node },
    { KEYS_METRICS, keys_metrics },
    { KEYS_STRUCTURE, keys_structure },
    { KEYS_CPU, keys_cpu },
    { KEYS_EXEC, keys_exec },
    { KEYS_RESOURCE, keys_resource },
    { KEYS_LIFE, keys_life },
    { KEYS_NETWORK, keys_network },
    { KEYS_FILTER, keys_filter },
};

/* Not of a limit. */
static const Key *row(KeyId key) {
    size_t i = ELEMENTSOF(families) - 1;

    while (families[i].first > key)
        i--;
    return &families[i].keys[key - families[i].first];
}

static unsigned limit_sections(const Limit *limit) {
    static const unsigned sections[] = {
        [LIMIT_OWNERS_GROUPS] = IN_GROUPS,
        [LIMIT_OWNERS_GROUPS_AND_TREE] = IN_GROUPS | IN(SECTION_SUPERVISORD),
        [LIMIT_OWNERS_WORKLOADS] = IN(SECTION_WORKLOAD),
    };

    return sections[limit->owners];
}

/* Those that may be given again, to add. */
static bool is_in_parts(const Limit *limit) {
    return limit->kind == LIMIT_KIND_DEVICES || limit->kind == LIMIT_KIND_PAGES;
}

int key_by_name(const char *name) {
    for (int i = 0; i < KEYS_COUNT; i++)
        if (strcmp(key_name(i), name) == 0)
            return i;
    return -1;
}

const char *key_name(KeyId key) {
    return key < KEY_LIMITS ? row(key)->name : limits[key - KEY_LIMITS].key;
}

const char *key_expects(KeyId key) {
    return key < KEY_LIMITS ? row(key)->expects : limits[key - KEY_LIMITS].expects;
}

bool key_belongs(KeyId key, SectionKind kind) {
    unsigned sections = key < KEY_LIMITS ? row(key)->sections : limit_sections(&limits[key - KEY_LIMITS]);

    return sections & IN(kind) || (kind == SECTION_SLICE && key_is_inherited(key));
}

bool key_is_inherited(KeyId key) {
    return key < KEY_LIMITS && row(key)->inherited;
}

/* ExecStop= is looked up when it is run. */
bool key_is_of_recipe(KeyId key) {
    return (key >= KEYS_EXEC && key < KEYS_LIFE && key != KEY_EXEC_STOP) || key == KEY_NETWORK || key == KEY_ADDRESS;
}

bool key_has_specifiers(KeyId key) {
    return key < KEY_LIMITS && row(key)->specifiers;
}

bool key_is_list(KeyId key) {
    return key < KEY_LIMITS ? row(key)->list : is_in_parts(&limits[key - KEY_LIMITS]);
}

bool key_is_required(KeyId key) {
    return key < KEY_LIMITS && row(key)->required;
}

const char *key_word(KeyId key, unsigned index) {
    return key < KEY_LIMITS && row(key)->word ? row(key)->word(index) : NULL;
}

int key_assign(KeyId key, Draft *draft, const char *text, const LimitScale *scale, const char **ret_problem) {
    if (key >= KEY_LIMITS) {
        const Limit *limit = &limits[key - KEY_LIMITS];

        return limit_value_parse(limit, text, scale, &draft->limits[limit->id]);
    }
    const Key *own = row(key);
    if (!*text && own->fallback)
        text = own->fallback;
    return own->assign(own, draft, text, ret_problem);
}

int draft_assign_defaults(Draft *draft) {
    for (KeyId key = 0; key < KEY_LIMITS; key++) {
        const char *problem = NULL;

        if (!row(key)->fallback || !key_belongs(key, draft->kind))
            continue;
        int r = key_assign(key, draft, "", NULL, &problem);
        if (r < 0)
            return r;
    }
    return 0;
}

Draft *draft_free(Draft *draft) {
    if (!draft)
        return NULL;
    if (draft->kind == SECTION_SLICE)
        workload_free(draft->object);
    free(draft->assignments);
    free(draft->title);
    free(draft->slice_name);
    strv_free(draft->network_names);
    free(draft->addresses);
    free(draft);
    return NULL;
}
