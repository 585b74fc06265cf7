/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The functions that read values for the rows of any family. A row whose value is of no such kind has a function in its
 * own family's file.
 */

#include "model/policy/key.h"

#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>

#include "base/parse.h"

enum {
    USER_NAME_MAX = 255, /* bytes; LOGIN_NAME_MAX - 1 */
};

int key_take_word(const Key *key, const char *text, unsigned *ret_index, const char **ret_rest) {
    const char *colon = strchrnul(text, ':'), *word;

    for (unsigned i = 0; (word = key->word(i)); i++)
        if (strlen(word) == (size_t) (colon - text) && memcmp(word, text, colon - text) == 0) {
            *ret_index = i;
            *ret_rest = *colon ? colon + 1 : NULL;
            return 0;
        }
    return -EINVAL;
}

int key_take_sole_word(const Key *key, const char *text, unsigned *ret_index) {
    const char *rest;
    unsigned index;

    int r = key_take_word(key, text, &index, &rest);
    if (r < 0)
        return r;
    if (rest)
        return -EINVAL;
    *ret_index = index;
    return 0;
}

void *key_field(const Key *key, const Draft *draft) {
    return (char *) draft->object + key->offset;
}

int key_replace(char **text, const char *with) {
    char *copy = with ? strdup(with) : NULL;

    if (with && !copy)
        return -ENOMEM;
    free(*text);
    *text = copy;
    return 0;
}

static bool is_path(const char *text) {
    return *text == '/' && strlen(text) < PATH_MAX;
}

/* Whether there is such a user, only the start can say. */
bool key_is_user(const char *text) {
    uint64_t uid;

    if (parse_u64(text, &uid) >= 0)
        return uid < UINT32_MAX && uid != UINT16_MAX;
    size_t length = strspn(text, LETTERS_AND_DIGITS "_.-");
    return length > 0 && length <= USER_NAME_MAX && !text[length] && !strchr("-.", *text);
}

static bool is_interface(const char *text) {
    size_t length = strspn(text, LETTERS_AND_DIGITS "_.-");

    return length > 0 && length < IFNAMSIZ && !text[length] && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

int key_assign_number(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    uint64_t number;

    int r = parse_u64(text, &number);
    if (r < 0)
        return r;
    if (number < key->minimum || number > key->maximum)
        return -ERANGE;
    *(uint64_t *) key_field(key, draft) = number;
    return 0;
}

int key_assign_signed(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    bool negative = *text == '-';
    uint64_t magnitude;

    int r = parse_u64(text + (negative || *text == '+'), &magnitude);
    if (r < 0)
        return r;
    if (magnitude > INT64_MAX)
        return -ERANGE;
    int64_t number = negative ? -(int64_t) magnitude : (int64_t) magnitude;
    if (number < (int64_t) key->minimum || number > (int64_t) key->maximum)
        return -ERANGE;
    *(int64_t *) key_field(key, draft) = number;
    return 0;
}

int key_assign_time(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    uint64_t usec;

    int r = parse_usec(text, &usec);
    if (r < 0)
        return r;
    if (usec < key->minimum || usec > key->maximum)
        return -ERANGE;
    *(uint64_t *) key_field(key, draft) = usec;
    return 0;
}

int key_assign_bool(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return parse_bool(text, key_field(key, draft));
}

int key_assign_word(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return key_take_sole_word(key, text, key_field(key, draft));
}

/* "" is NULL. */
static int replace_valid(char **target, const char *text, bool (*is_valid)(const char *text)) {
    if (*text && !is_valid(text))
        return -EINVAL;
    return key_replace(target, *text ? text : NULL);
}

int key_replace_path(char **path, const char *text) {
    return replace_valid(path, text, is_path);
}

int key_assign_user(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return replace_valid(key_field(key, draft), text, key_is_user);
}

int key_assign_path(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return replace_valid(key_field(key, draft), text, is_path);
}

int key_assign_interface(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return replace_valid(key_field(key, draft), text, is_interface);
}
