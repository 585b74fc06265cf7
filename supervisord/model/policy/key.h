/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the tables of keys are made of: a row names the function that reads its value. A family of keys is one file with
 * one table, keys-FAMILY.c, and one stretch of KeyId.
 */

#include "model/policy/keys.h"

#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)

#define IN(kind) (1u << (kind))
#define IN_GROUPS (IN(SECTION_SLICE) | IN(SECTION_WORKLOAD))
#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

typedef struct Key Key;
typedef int KeyAssign(const Key *key, Draft *draft, const char *text, const char **ret_problem);

/* An empty value is read as the row's fallback, so that what a key is when it is not given is said once, in the row. */
struct Key {
    const char *name;
    unsigned sections; /* IN() of each that it belongs to */
    bool list;
    bool required;
    bool inherited;  /* may stand in a slice, for the workloads in it */
    bool specifiers; /* are expanded before assign sees the text */
    KeyAssign *assign;
    const char *fallback; /* the value when it is not given; NULL: none */
    const char *expects;
    size_t offset;             /* of the field, for rows whose function serves several */
    uint64_t minimum, maximum; /* of a number or time */
    const char *(*word)(unsigned index);
};

/* Each from KEYS_FAMILY up to the next family's. */
extern const Key keys_node[], keys_metrics[], keys_structure[], keys_cpu[], keys_exec[], keys_resource[], keys_life[],
        keys_network[], keys_filter[];

/* For any field of the type that is said. */
KeyAssign key_assign_number;    /* uint64_t, from minimum to maximum */
KeyAssign key_assign_signed;    /* int64_t, from minimum to maximum, which are cast */
KeyAssign key_assign_time;      /* uint64_t of usec, from minimum to maximum */
KeyAssign key_assign_bool;      /* bool */
KeyAssign key_assign_word;      /* an enum, by the row's words */
KeyAssign key_assign_user;      /* char *: the name or number of a user or group; "": NULL */
KeyAssign key_assign_path;      /* char *: absolute; "": NULL */
KeyAssign key_assign_interface; /* char *; "": NULL */

void *key_field(const Key *key, const Draft *draft);
int key_replace(char **text, const char *with);      /* a copy; NULL frees */
int key_replace_path(char **path, const char *text); /* "" is NULL; -EINVAL: not absolute */
bool key_is_user(const char *text); /* or a group: as number, or as name in the strict form of systemd's User= */
/* Which of the row's words the text is, as far as a colon; ret_rest: what follows the colon, NULL if there is none. */
int key_take_word(const Key *key, const char *text, unsigned *ret_index, const char **ret_rest);
int key_take_sole_word(const Key *key, const char *text, unsigned *ret_index); /* nothing may follow it */
