/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* EnvironmentFile=: systemd.exec(5). What systemd would pass over in silence (a line that is no assignment) is an error. */

#include <stddef.h>

#include "base/strv.h"

/*
 * Assigns what the text says on top of what *environment holds. length bytes, then a NUL. -EINVAL with the line and what
 * is wrong with it (static, a clause without full stop), -ENOMEM; *environment may have changed then.
 */
int environment_file_parse(
        const char *text, size_t length, char ***environment, unsigned *ret_line, const char **ret_problem);
