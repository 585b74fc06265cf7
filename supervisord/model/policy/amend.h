/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "model/policy.h"

/*
 * The policy with the workload as narrow has it, which is a policy of the same sources but without other workloads, and
 * that nobody else has yet; without the workload when narrow has none. All else is shared with the policy. -EXDEV: it
 * bears on others, so that all must be parsed; -ENOMEM.
 */
int policy_amend(Policy *policy, const char *workload, const Policy *narrow, Policy **ret);
