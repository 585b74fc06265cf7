/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * INI files -> Policy. policy-reader knows the syntax and inih's traps, policy-keys what each key means, policy-draft
 * the sections, policy-check what sections say of each other.
 */

#include "model/policy.h"

typedef struct PolicySources {
    const char *directory; /* all *.ini, by name */
    const char *
            transient_directory; /* *.ini written at run time: sections there extend those of `directory`; NULL or absent: none */
    char *const *files; /* instead of directories, when not NULL (supctl verify) */
} PolicySources;

/*
 * Loads everything, reports all errors of all files. 0 and a policy; -EBADMSG when diagnostics say what is wrong (then
 * there is no policy); other errnos when the machine fails us (-ENOMEM). A missing `directory` is a diagnostic.
 */
int policy_load(const PolicySources *sources, const LimitScale *scale, Diagnostics *diagnostics, Policy **ret);

/* The host's facts: memory from sysconf, page size. */
LimitScale limit_scale_of_host(void);
