/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Where a group stands. */

#include "model/policy-key.h"

static int assign_slice(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return key_replace(&draft->slice_name, *text ? text : NULL);
}

const Key keys_structure[] = {
    [KEY_SLICE - KEYS_STRUCTURE] = {
        .name = "Slice",
        .sections = IN_GROUPS,
        .assign = assign_slice,
        .expects = "the name of a slice",
    },
};
