/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Past: what is left of a workload's runs when none is there, as one line of text: how the last one ended, why a start
 * failed, back-off and start limit. It is kept on the workload's cgroup, so that a daemon that comes back goes on where the
 * one before it was.
 */

#include "model/run.h"

enum { PAST_TEXT_MAX = 768 };

/* "v=1 invocation=... state=failed exit=7 ended=5000000 starts=3 failure=start limit hit"; a long failure is cut. */
void past_format(const Run *run, char buffer[static PAST_TEXT_MAX]);
/*
 * Of a run that is not alive; what the text does not say is left as it is. Strict, except that keys it does not know are
 * passed over as long as the version is ours. -EBADMSG, -ENOMEM: the run is untouched.
 */
int past_parse(const char *text, Run *run);
