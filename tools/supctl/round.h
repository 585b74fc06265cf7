/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One call for each of many names, several of them under way at once: stops take their time, each its own. */

#include "tools/supctl/supctl.h"

/*
 * Calls in the order of the names; a failure, which is said, does not keep the others from their turn. A slice to which the
 * call means nothing stands for all workloads below it. The worst exit status.
 */
int round_call(const Options *options, char *const *names, const char *method);
