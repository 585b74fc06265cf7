/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Sections and assignments as they are read -> drafts; what drafts say -> the objects of the policy that they fill in. */

#include <stdio.h>

#include "model/host-facts.h"
#include "model/policy/keys.h"
#include "model/policy/reader.h"
#include "model/sources.h"

typedef struct Drafts {
    Policy *policy; /* all that drafts fill in is in it */
    const HostFacts *facts;
    Diagnostics *diagnostics;
    char **texts; /* of the sources, cut into what the drafts' assignments say */
    Draft **items;
    void *by_title;   /* tsearch() tree of their titles */
    Draft **of_group; /* by index in the policy, once all are there */
    size_t n_items, allocated, groups_allocated, by_name_allocated, networks_allocated;
    const char *file; /* the one that is being read; lives as long as the drafts */
    SourceKind source;
    Draft *section; /* the one that is being read; NULL: one whose keys mean nothing */
} Drafts;

void drafts_done(Drafts *drafts); /* not the policy */
int drafts_begin(Drafts *drafts); /* with the settings, which are there also where no section gives any; -ENOMEM */
int drafts_read(Drafts *drafts, const Source *source); /* which outlives the drafts; -ENOMEM */
/* Once all files are read: what is said at run time of a slice or workload that no other file describes is left out. */
void drafts_drop_orphans(Drafts *drafts);
int drafts_evaluate_slices(Drafts *drafts); /* Slice= of all; then policy_check_slices() tells what is in what */
int drafts_evaluate(Drafts *drafts);        /* all else; -ENOMEM */
/* Prints the sections with this name, or all for "": how many; -ENOMEM. */
int drafts_list(const Drafts *drafts, const char *name, FILE *out);
/* The slices around it, the outermost first; how many. */
size_t draft_slices(const Drafts *drafts, const Draft *draft, const Draft *ret_slices[static SLICE_DEPTH_MAX]);
