/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Facts of the host that a policy is relative to. They are handed in, so that a policy means the same wherever it is read. */

#include <limits.h>

#include "model/limit.h"

typedef struct HostFacts {
    LimitScale scale;
    char name[HOST_NAME_MAX + 1]; /* letters, digits, - . and _ */
} HostFacts;

HostFacts host_facts_read(void);
