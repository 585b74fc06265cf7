/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Patterns of names, as the shell has them, in the arguments of a verb. */

#include "tools/supctl/supctl.h"

/*
 * A fresh array in which each pattern is replaced by the names that it matches, in the order of the policy; the daemon is
 * asked only if there is one. The exit status: a pattern that matches nothing is an error, said here, before anything is done.
 */
int names_expand(const Options *options, ArgumentKind kind, char *const *arguments, char ***ret);
