/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What a start needs looked up and opened before the clone: user, environment, where the output goes. */

#include "kernel/spawn-child.h"
#include "kernel/spawn-credentials.h"
#include "kernel/spawn.h"

typedef struct SpawnSetup {
    ChildSetup child; /* points into the rest, and into the spec's workload */
    char **environment;
    Credentials credentials;
    int null_fd, journal_fd, relay_fd;
    int log_fd; /* the journal or what stands for it, when something goes there; borrowed */
} SpawnSetup;

#define SPAWN_SETUP_NULL \
    { .null_fd = -1, .journal_fd = -1, .relay_fd = -1, .log_fd = -1 }

/* *setup is SPAWN_SETUP_NULL before, and to be released afterwards in any case. */
int spawn_setup(SpawnSetup *setup, const SpawnSpec *spec, char **ret_message);
void spawn_setup_done(SpawnSetup *setup);
