/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A signal to all that runs in a workload, exec'd commands and the payload's own cgroups included. */

#include "kernel/tree.h"

/*
 * path: the workload's, below the tree. Reads /proc once per process: worker thread only. -ESRCH when there was nobody.
 * What is forked meanwhile may be missed, but for SIGKILL, which the kernel gives to a leaf as a whole.
 */
int group_signal(const Tree *tree, const char *path, int signal);
