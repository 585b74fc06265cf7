/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * systemd's quoting: systemd.syntax(7) QUOTING, systemd.service(5) COMMAND LINES. Specifiers were
 * expanded before (specifier.h); variables, which it would expand and we do not, are refused, so that a line pasted from a unit file means the same here or is an error.
 */

#include "base/strv.h"

/*
 * Takes the word at the cursor, without its quotes and escapes: 1, or 0 at the end of the text. -EINVAL and what is
 * wrong with it (static, a clause without full stop), -ENOMEM. All functions here report alike.
 */
int word_take(const char **cursor, char **ret_word, const char **ret_problem);

/* ExecStart=: one command, its program by absolute path. */
int words_parse_command(const char *text, char ***ret_arguments, const char **ret_problem);

bool word_is_assignment(const char *word); /* NAME=VALUE */

/* Environment=: assigns NAME=VALUE words on top of what *environment holds. */
int words_parse_environment(const char *text, char ***environment, const char **ret_problem);
