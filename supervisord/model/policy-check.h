/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the sections of a policy say of each other: resolves references between them, reports what does not fit. */

#include "model/policy-keys.h"

void policy_check(
        Policy *policy, const LimitScale *scale, Draft *const *drafts, size_t n_drafts, Diagnostics *diagnostics);
