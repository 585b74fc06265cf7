/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Words: one pass over the text; a word is never longer than its text, so it is built in place of that size. */

#include "model/words.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "model/policy.h"

#define BLANKS " \t"

static int problem(const char **ret_problem, const char *text) {
    *ret_problem = text;
    return -EINVAL;
}

/* The number of exactly n digits at the text; -EINVAL if they are not there or make no byte but NUL. */
static int escaped_byte(const char *digits, size_t n, int base, char *ret) {
    char number[4] = "", *end;

    memcpy(number, digits, strnlen(digits, n));
    if (!isxdigit((unsigned char) number[0]))
        return -EINVAL;
    unsigned long value = strtoul(number, &end, base);
    if (end != number + n || value == 0 || value > UINT8_MAX)
        return -EINVAL;
    *ret = (char) value;
    return 0;
}

/* Takes the escape sequence at the cursor, which stands on its backslash. */
static int take_escape(const char **cursor, char *ret, const char **ret_problem) {
    static const char letters[] = "abfnrtvs\\\"'", bytes[] = "\a\b\f\n\r\t\v \\\"'";
    const char *p = *cursor + 1;
    const char *letter = *p ? strchr(letters, *p) : NULL;
    int r = 0;

    if (letter)
        *ret = bytes[letter - letters];
    else if (*p == 'x')
        r = escaped_byte(p + 1, 2, 16, ret);
    else
        r = escaped_byte(p, 3, 8, ret);
    if (r < 0)
        return problem(ret_problem, "bad escape sequence; a backslash itself is written \\\\");
    *cursor = p + (letter ? 1 : 3);
    return 0;
}

static int take_unquoted(const char **cursor, char *word, const char **ret_problem) {
    const char *p = *cursor;
    char quote = '\0';

    while (*p && (quote || !strchr(BLANKS, *p)))
        if (*p == '\\') {
            int r = take_escape(&p, word++, ret_problem);
            if (r < 0)
                return r;
        } else if (quote ? *p == quote : *p == '"' || *p == '\'')
            quote = quote ? '\0' : *p, p++;
        else
            *word++ = *p++;
    if (quote)
        return problem(ret_problem, quote == '"' ? "the quote \" is never closed" : "the quote ' is never closed");
    *word = '\0';
    *cursor = p;
    return 0;
}

int word_take(const char **cursor, char **ret_word, const char **ret_problem) {
    const char *p = *cursor + strspn(*cursor, BLANKS);
    _cleanup_(cleanup_free) char *scratch = NULL;

    if (!*p) {
        *cursor = p;
        return 0;
    }
    scratch = malloc(strlen(p) + 1);
    if (!scratch)
        return -ENOMEM;
    int r = take_unquoted(&p, scratch, ret_problem);
    if (r < 0)
        return r;

    char *word = strdup(scratch);
    if (!word)
        return -ENOMEM;
    *ret_word = word;
    *cursor = p;
    return 1;
}

/* systemd expands a word that begins with $, and ${ anywhere; "$$" is "$"; any other $ is only a character. */
static int resolve_variables(char *word, const char **ret_problem) {
    char *out = word;

    for (const char *p = word; *p; p++) {
        if (*p == '$') {
            if (p[1] == '{' || (p == word && p[1] != '$'))
                return problem(ret_problem, "variables are not supported yet; a dollar sign itself is written $$");
            if (p[1] == '$')
                p++;
        }
        *out++ = *p;
    }
    *out = '\0';
    return 0;
}

static int check_program(const char *word, const char **ret_problem) {
    if (*word && strchr("-@:+!|", *word))
        return problem(
                ret_problem, "the prefixes - @ : + ! | are not supported; expected the absolute path of a program");
    if (*word != '/' || word[strlen(word) - 1] == '/' || strlen(word) >= PATH_MAX)
        return problem(ret_problem, "expected the absolute path of a program first");
    return 0;
}

/* A semicolon (length 1) or an escaped one (length 2) that stands alone. */
static bool at_lone(const char *text, const char *mark) {
    size_t length = strlen(mark);

    return strncmp(text, mark, length) == 0 && (!text[length] || strchr(BLANKS, text[length]));
}

/* The next word of a command as it is typed, and "\;" for the semicolon that would end the command. */
static int take_typed(const char **cursor, char **ret, const char **ret_problem) {
    *cursor += strspn(*cursor, BLANKS);
    if (at_lone(*cursor, ";"))
        return problem(ret_problem, "only one command is supported; a semicolon itself is written \\;");
    if (!at_lone(*cursor, "\\;"))
        return word_take(cursor, ret, ret_problem);
    *cursor += strlen("\\;");
    *ret = strdup(";");
    return *ret ? 1 : -ENOMEM;
}

static int take_argument(const char **cursor, bool first, char **ret, const char **ret_problem) {
    _cleanup_(cleanup_free) char *word = NULL;

    int r = take_typed(cursor, &word, ret_problem);
    if (r <= 0)
        return r;
    r = first ? check_program(word, ret_problem) : resolve_variables(word, ret_problem);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(word);
    return 1;
}

int words_parse_command(const char *text, char ***ret_arguments, const char **ret_problem) {
    _cleanup_(cleanup_strv_free) char **arguments = NULL;
    size_t n = 0;
    char *word;
    int r;

    while ((r = take_argument(&text, n == 0, &word, ret_problem)) > 0) {
        r = strv_consume(&arguments, word);
        if (r < 0)
            return r;
        if (++n > ARGUMENTS_MAX)
            return problem(ret_problem, "too many arguments");
    }
    if (r < 0)
        return r;
    if (n == 0)
        return problem(ret_problem, "expected the absolute path of a program");
    *ret_arguments = TAKE_PTR(arguments);
    return 0;
}

bool word_is_assignment(const char *word) {
    size_t length = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return length > 0 && word[length] == '=' && !isdigit((unsigned char) *word);
}

int words_parse_environment(const char *text, char ***environment, const char **ret_problem) {
    for (;;) {
        _cleanup_(cleanup_free) char *word = NULL;

        int r = word_take(&text, &word, ret_problem);
        if (r <= 0)
            return r;
        if (!word_is_assignment(word))
            return problem(ret_problem, "expected words of the form NAME=VALUE, quoted if there are blanks in them");
        r = strv_consume_assignment(environment, TAKE_PTR(word));
        if (r < 0)
            return r;
        if (strv_length(*environment) > ENVIRONMENT_MAX)
            return problem(ret_problem, "too many variables");
    }
}
