/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Commands that run elsewhere: what the protocol can carry of them, and where their program is. */

/* A name without a slash is looked for in PATH, as a shell does; what has one is taken from the directory. NULL: there is none. */
char *program_find(const char *name, const char *directory);
int program_check(char *const *command); /* the exit status; says what is wrong */
/* Variables of our own environment, and over them those that are given; what is not UTF-8 is left out, which is said. -ENOMEM */
int program_environment(char *const *inherited, char *const *given, char ***ret);
/* How it ended becomes our exit status: its code, or 128 and the number of the signal. */
int program_status(const char *name, int known, int is_signaled, int code, int is_oom_killed);
