/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Users and groups of a workload, from the host's databases. */

#include <pwd.h>
#include <sys/types.h>

#include "model/policy.h"

typedef struct Credentials {
    char *user; /* NULL: root, whom nobody named; else with home and shell */
    char *home, *shell;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;
} Credentials;

/* -ESRCH and the like with *ret_message: "cannot set user 'www': no such user", owned by the caller. */
int credentials_look_up(const Exec *exec, Credentials *ret, char **ret_message);
void credentials_done(Credentials *credentials);
