/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Addresses from a network's pool, for workloads whose policy gives none: the same policy has the same leases, and a
 * lease that was given stays when others come and go. The text of leases has a line each: workload, network, address.
 */

#include "model/policy.h"

enum { LEASES_BYTES_MAX = 1024 * 1024 };

/*
 * Completes the addresses of a policy that is right otherwise. former: the leases of before, NULL if there are none; what
 * does not fit this policy is passed over. A pool that has too few addresses is a diagnostic. -ENOMEM.
 */
int leases_assign(Policy *policy, const char *former, Diagnostics *diagnostics);
int leases_format(const Policy *policy, char **ret); /* -ENOMEM */
