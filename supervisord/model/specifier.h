/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Specifiers: "%i" in a value stands for something that differs from workload to workload. systemd.unit(5), SPECIFIERS. */

typedef struct Specifiers {
    const char *name; /* %n, and its parts %p before and %i behind the first @ */
    const char *user; /* %u; NULL: root */
    const char *host; /* %H */
} Specifiers;

/*
 * The text with what its specifiers stand for; %% is a percent sign. None of them stands for blanks, quotes or
 * backslashes, so a word stays one. -EINVAL and what is wrong (static); -ENOMEM.
 */
int specifiers_expand(const Specifiers *specifiers, const char *text, char **ret, const char **ret_problem);
