/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * INI files -> Policy. sources knows which files, reader knows the syntax and inih's traps, keys what each key means, draft
 * the sections, evaluate whose values hold, check what sections say of each other.
 */

#include "model/host-facts.h"
#include "model/policy.h"
#include "model/sources.h"

/* Where the sources of a policy are. */
typedef struct PolicyPaths {
    char *const *directories;        /* the strongest first: sources_read_directories() */
    const char *transient_directory; /* NULL: none */
    char *const *files;              /* instead of directories, when not NULL (supctl verify) */
    const char *leases;              /* the text of those that were given before: model/lease.h; NULL: none */
} PolicyPaths;

/*
 * What the sources and, over them, those of the run time (NULL: none) say. leases: the text of those that were given
 * before (model/lease.h), NULL: none. 0 and a policy; -EBADMSG when diagnostics say
 * what is wrong, also if they did before (then there is no policy); other errnos when the machine fails us (-ENOMEM).
 */
int policy_parse(const Sources *sources, const Sources *transient, const char *leases, const HostFacts *facts,
        Diagnostics *diagnostics, Policy **ret);
/* Reads and parses everything, reports all errors of all files, as above. */
int policy_load(const PolicyPaths *paths, const HostFacts *facts, Diagnostics *diagnostics, Policy **ret);

/*
 * What the same sources say of the slice, workload or network with the name, or of everything for "", as text: one
 * policy file, merged, that says where each of its lines comes from. -ENOENT: there is none; else as above.
 */
int policy_list(const Sources *sources, const Sources *transient, const HostFacts *facts, const char *name,
        Diagnostics *diagnostics, char **ret);
