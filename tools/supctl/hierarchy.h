/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A listing as a tree: parents before their children, siblings in the order of the listing. */

#include "tools/supctl/report.h"

#define NO_ENTRY SIZE_MAX

typedef struct HierarchyRow {
    size_t entry;  /* index in listing->entries */
    size_t parent; /* likewise; NO_ENTRY at the top */
    unsigned depth;
    bool last; /* of its siblings */
} HierarchyRow;

/* One row for each entry, a fresh array; -ENOMEM. An entry whose slice is not in the listing stands at the top. */
int hierarchy_build(const Listing *listing, HierarchyRow **ret);
