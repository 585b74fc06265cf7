/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The last of loading: what reserves of CPU time come to as weights. */

#include "model/policy.h"

/* For a policy that was checked and has its groups in order. -ENOMEM. */
int policy_weigh(Policy *policy, const LimitScale *scale);
/* Whether a group that is in both has another weight; one with other siblings may have. */
bool policy_weights_differ(const Policy *a, const Policy *b);
