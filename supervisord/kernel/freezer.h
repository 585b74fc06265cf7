/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The freezer, as the daemon sees it: the companion supervisord-freezer (freezer/main.c), one for the tree, which shares out CPU
 * time by making workloads stand still. It makes only leaves stand, and nobody else does that: who finds none of it
 * running can let all leaves go on.
 */

#include "model/node.h"

int freezer_state(int tree_fd, FreezerState *ret);
/* -ESRCH: none runs. */
int freezer_open(int tree_fd, int *ret_pidfd);
/* Nobody may run. First lets go on whom an earlier one has left standing. */
int freezer_start(int tree_fd);
/* Blocks until it has ended and nobody stands: worker thread only. */
int freezer_stop(int tree_fd);
