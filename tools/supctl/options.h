/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The options table: what each verb takes, how it is read, and where in Options it goes. */

#include <stddef.h>

#include "tools/supctl/supctl.h"

typedef struct Option Option;

/* Puts the value in its place. EXIT_SUCCESS or the status to leave with, after saying what is wrong. */
typedef int TakeOption(const Option *option, const char *value, Options *options);

struct Option {
    const char *verbs; /* that take it, with blanks between; NULL: all */
    char letter;       /* 0: none */
    const char *name;
    const char *argument; /* NULL: takes none; "[...]": need not be given */
    TakeOption *take;
    size_t offset; /* of the field in Options */
    const char *summary;
};

/* All options; ends with one that has no name. */
extern const Option option_rows[];

#define FOREACH_OPTION(option) for (const Option *option = option_rows; option->name; option++)

/* verb: NULL for what stands before the verb. */
bool option_is_of(const Option *option, const Verb *verb);

/*
 * Reads options up to the first argument, or of a verb also between arguments; optind is where arguments begin. EXIT_SUCCESS
 * or the status to leave with.
 */
int options_parse(const Verb *verb, int argc, char **argv, Options *options);
