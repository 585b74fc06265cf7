/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* KEY=VALUE as people type them: policy keys for `run` and `set`. */

#include <systemd/sd-bus.h>

int settings_check(char *const *settings); /* the exit status; says what is wrong; NULL is none */
int settings_append(sd_bus_message *call, char *const *settings); /* as a(ss) */
