/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One pass; an assignment is never longer than its text, so all are built in one scratch of the text's size. */

#include "model/environment-file.h"

#include <errno.h>
#include <string.h>

#include "model/policy.h"
#include "model/words.h"

#define BLANKS " \t"
#define SPACES BLANKS "\r\n"

typedef struct Reader {
    const char *at;
    unsigned line; /* of `at` */
    char *scratch, *out;
    const char *problem;
} Reader;

static int problem(Reader *reader, const char *text) {
    reader->problem = text;
    return -EINVAL;
}

static char next(Reader *reader) {
    reader->line += *reader->at == '\n';
    return *reader->at++;
}

static void skip(Reader *reader, const char *characters) {
    while (*reader->at && strchr(characters, *reader->at))
        next(reader);
}

/* Between single quotes nothing is special. */
static int read_single_quoted(Reader *reader) {
    next(reader);
    while (*reader->at != '\'') {
        if (!*reader->at)
            return problem(reader, "the quote ' is never closed");
        *reader->out++ = next(reader);
    }
    next(reader);
    return 0;
}

static int read_double_quoted(Reader *reader) {
    next(reader);
    while (*reader->at != '"') {
        if (!*reader->at)
            return problem(reader, "the quote \" is never closed");
        if (*reader->at == '\\' && reader->at[1] == '\n') {
            next(reader), next(reader);
            continue;
        }
        if (*reader->at == '\\' && reader->at[1] && strchr("\"\\`$", reader->at[1]))
            next(reader);
        *reader->out++ = next(reader);
    }
    next(reader);
    return 0;
}

/* To the end of the line; blanks at its end do not count, unless they were escaped. */
static void read_unquoted(Reader *reader) {
    char *end = reader->out;

    while (*reader->at && *reader->at != '\n') {
        bool escaped = *reader->at == '\\' && reader->at[1];

        if (escaped && next(reader) && *reader->at == '\n') {
            next(reader);
            continue;
        }
        bool counts = escaped || !strchr(BLANKS "\r", *reader->at);
        *reader->out++ = next(reader);
        if (counts)
            end = reader->out;
    }
    reader->out = end;
}

static int read_value(Reader *reader) {
    int r = 0;

    for (skip(reader, BLANKS); r == 0 && *reader->at && *reader->at != '\n'; skip(reader, BLANKS "\r"))
        if (*reader->at == '\'')
            r = read_single_quoted(reader);
        else if (*reader->at == '"')
            r = read_double_quoted(reader);
        else
            read_unquoted(reader);
    return r;
}

static int read_assignment(Reader *reader) {
    size_t length = strcspn(reader->at, "=\n"), trimmed = length;

    while (trimmed > 0 && strchr(BLANKS, reader->at[trimmed - 1]))
        trimmed--;
    reader->out = mempcpy(reader->scratch, reader->at, trimmed);
    *reader->out++ = '=';
    *reader->out = '\0';
    if (reader->at[length] != '=' || !word_is_assignment(reader->scratch))
        return problem(reader, "expected a line of the form NAME=VALUE");
    reader->at += length + 1;
    int r = read_value(reader);
    *reader->out = '\0';
    return r;
}

static int read_all(Reader *reader, char ***environment) {
    for (skip(reader, SPACES); *reader->at; skip(reader, SPACES)) {
        if (strchr("#;", *reader->at)) {
            reader->at += strcspn(reader->at, "\n");
            continue;
        }
        int r = read_assignment(reader);
        if (r < 0)
            return r;
        char *assignment = strdup(reader->scratch);
        if (!assignment)
            return -ENOMEM;
        r = strv_consume_assignment(environment, assignment);
        if (r < 0)
            return r;
        if (strv_length(*environment) > ENVIRONMENT_MAX)
            return problem(reader, "too many variables");
    }
    return 0;
}

int environment_file_parse(
        const char *text, size_t length, char ***environment, unsigned *ret_line, const char **ret_problem) {
    Reader reader = { .at = text, .line = 1 };
    _cleanup_(cleanup_free) char *scratch =
            malloc(length + 2); /* the first name may be all there is: its = and the NUL */

    if (!scratch)
        return -ENOMEM;
    reader.scratch = scratch;
    int r = strlen(text) == length ? read_all(&reader, environment) : problem(&reader, "a NUL byte is in the file");
    if (r == -EINVAL) {
        *ret_line = reader.line;
        *ret_problem = reader.problem;
    }
    return r;
}
