/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Replies that are read off policy and ledger, with the tree's cgroup as /proc/PID/cgroup has it. Each appends to `reply`; negative errno of sd-bus. */

#include <systemd/sd-bus.h>

#include "serve/api.h"

typedef int ViewFunction(sd_bus_message *reply, const Policy *policy, const Ledger *ledger, const char *tree);

ViewFunction view_version, view_list, view_samples, view_outputs, view_limits;
uint64_t view_realtime(uint64_t monotonic_usec); /* CLOCK_REALTIME; 0 stays 0 */
/* The actions that came after the one of this number. */
int view_journal(sd_bus_message *reply, const Ledger *ledger, uint64_t after);
int view_show(sd_bus_message *reply, const Ledger *ledger, const Group *group, const ApiLimitRow *rows, size_t n);
