/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The environment that a workload begins with: systemd.exec(5), ENVIRONMENT VARIABLES IN SPAWNED PROCESSES. */

#include "kernel/spawn-credentials.h"
#include "kernel/spawn.h"

/* journal_fd: where standard error goes, if that is the journal; else -1. *ret_message: which file is wrong, and why. */
int spawn_environment(
        const SpawnSpec *spec, const Credentials *credentials, int journal_fd, char ***ret, char **ret_message);
