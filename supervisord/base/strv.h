/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* NULL-terminated arrays of owned strings, and strings that grow. */

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

char **strv_free(char **strv); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(char **, strv_free);

size_t strv_length(char *const *strv); /* 0 for NULL */
bool strv_has(char *const *strv, const char *text);
int strv_push(char ***strv, const char *text); /* copies text; -ENOMEM */
int strv_consume(char ***strv, char *text);    /* takes text, frees it on failure; -ENOMEM */
/* Takes a NAME=VALUE as above; it takes the place of an earlier one of that name. */
int strv_consume_assignment(char ***environment, char *assignment);
int strv_split(
        char ***strv, const char *text, char separator); /* pushes the parts of text, not the empty ones; -ENOMEM */
int strv_copy(char *const *strv, char ***ret);           /* deep copy; NULL stays NULL */

/* printf into a fresh string; -ENOMEM. The old value of *ret is not freed. */
__attribute__((format(printf, 2, 3))) int text_printf(char **ret, const char *format, ...);

/* Grows an array so that it has room for one more; doubles. `items`: T **, `count`: used, `allocated`: size_t *. */
int grow(void *items, size_t item_size, size_t count, size_t *allocated);
