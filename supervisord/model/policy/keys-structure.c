/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Where a group stands, and whether it stands still. */

#include "model/policy/key.h"

#include "base/parse.h"

static int assign_slice(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return key_replace(&draft->slice_name, *text ? text : NULL);
}

static int assign_frozen(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return parse_bool(text, &draft->group->frozen);
}

const Key keys_structure[] = {
    [KEY_SLICE - KEYS_STRUCTURE] = {
        .name = "Slice",
        .sections = IN_GROUPS,
        .specifiers = true,
        .assign = assign_slice,
        .expects = "the name of a slice",
    },
    [KEY_FROZEN - KEYS_STRUCTURE] = {
        .name = "Frozen",
        .sections = IN_GROUPS,
        .assign = assign_frozen,
        .fallback = "no",
        .expects = "yes or no",
    },
};
