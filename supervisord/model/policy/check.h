/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the sections of a policy say of each other: resolves references between them, reports what does not fit. */

#include "model/policy/keys.h"

/* Which slice each is in; what cannot be is reported and cut, so that every walk upwards ends, soon. */
void policy_check_slices(
        Policy *policy, const LimitScale *scale, Draft *const *drafts, size_t n_drafts, Diagnostics *diagnostics);
/* All else. */
void policy_check(
        Policy *policy, const LimitScale *scale, Draft *const *drafts, size_t n_drafts, Diagnostics *diagnostics);
