/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Sections and assignments as they are read -> drafts, and the objects of the policy that they fill in. */

#include "model/policy-keys.h"
#include "model/policy-reader.h"
#include "model/sources.h"

typedef struct Drafts {
    Policy *policy; /* all that drafts fill in is in it */
    const LimitScale *scale;
    Diagnostics *diagnostics;
    Draft **items;
    size_t n_items, allocated, groups_allocated, by_name_allocated, networks_allocated;
    const char *file; /* the one that is being read; lives as long as the drafts */
    SourceKind source;
    Draft *section; /* the one that is being read; NULL: one whose keys mean nothing */
} Drafts;

void drafts_done(Drafts *drafts); /* not the policy */
int drafts_begin(Drafts *drafts); /* with the settings, which are there also where no section gives any; -ENOMEM */
void drafts_begin_file(Drafts *drafts, const char *file, SourceKind source);
/* Once all files are read: what transient files say of a group that no file describes is left out. */
void drafts_drop_orphans(Drafts *drafts);

extern const PolicyReaderCalls drafts_calls; /* userdata: Drafts */
