/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The loop of the freezer: turn after turn, measures who used what, and makes stand who is ahead of its share. It returns when
 * it is told to, or when there is nobody to be held and never will be; then nobody stands.
 */

#include "freezer/census.h"

/* Takes what is in census. signal_fd: of the signals that end it. -errno */
int freezer_run(const Census *census, int signal_fd);
