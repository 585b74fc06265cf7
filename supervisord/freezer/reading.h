/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the freezer reads of one group: what the daemon has written down for it, and what the kernel counts. */

#include "freezer/census.h"

void reading_begin(Member *member);            /* of a workload: what it used before does not count */
void reading_settings(int dir_fd, Duty *duty); /* what cannot be read is as if it were not set */
/* Into used_usec and waited_usec; false: both are 0. */
bool reading_usage(Member *member, Duty *duty, uint64_t elapsed_usec);
