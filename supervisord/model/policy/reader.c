/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * inih splits assignments; all that it would damage is kept from it. Left to itself, it cuts lines at 199 bytes and reads
 * the rest as a new line, cuts section names at 49, takes `;` in a value for a comment and an indented line for more of
 * the value before, says nothing of empty sections and only the first of all errors, and gives no line numbers. So it
 * reads through read_assignment(), which counts and checks lines, joins continued ones, reports sections itself, and
 * gives inih each assignment as far as its `=`. The value waits here until inih comes back with the key. All this holds
 * for any way that inih was built.
 */

#include "model/policy/reader.h"

#include <errno.h>
#include <ini.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "model/policy.h"

#define BLANKS " \t"
#define UTF8_BOM "\xef\xbb\xbf"

enum { KEY_LENGTH_MAX = 48 };

typedef struct Reader {
    const char *file;
    Diagnostics *diagnostics;
    const PolicyReaderCalls *calls;
    void *userdata;
    char *next, *end;    /* what is still to be read */
    unsigned line;       /* lines read so far */
    unsigned first_line; /* where the line that is being read began */
    const char *value;   /* of the assignment that inih has */
    bool in_section;
    int error;
} Reader;

typedef struct Line {
    char *text; /* no NUL at its end */
    size_t length;
    bool refused; /* and reported */
} Line;

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static void complain(const Reader *reader, unsigned line, const char *message) {
    diagnostics_add(reader->diagnostics, reader->file, line, NULL, NULL, "%s", message);
}

/* Bytes of the UTF-8 character at the text; 0 if it is none: cut, overlong, a surrogate or beyond Unicode. */
static size_t utf8_length(const unsigned char *text, size_t available) {
    static const uint32_t first_of_length[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = text[0] < 0x80 ? 1 : text[0] < 0xc0 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

    if (length <= 1)
        return length;
    if (text[0] >= 0xf8 || length > available)
        return 0;

    uint32_t character = text[0] & (0x7f >> length);
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (text[i] & 0x3f);
    }
    bool surrogate = character >= 0xd800 && character <= 0xdfff;
    return character < first_of_length[length] || surrogate || character > 0x10ffff ? 0 : length;
}

/* What is wrong with the bytes of a line, NULL if nothing is. */
static const char *bytes_problem(const Line *line) {
    const unsigned char *text = (const unsigned char *) line->text;
    size_t step;

    if (line->length > POLICY_LINE_MAX)
        return "the line is too long; continue it on the next line with a backslash at its end";
    if (memchr(text, '\0', line->length))
        return "there is a NUL byte in the line";
    for (size_t i = 0; i < line->length; i += step) {
        step = utf8_length(text + i, line->length - i);
        if (step == 0)
            return "the line is not valid UTF-8";
        if ((text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            return "there is a control character in the line";
    }
    return NULL;
}

/* Takes what stands up to the next line end, without blanks before it. */
static Line take_physical_line(Reader *reader) {
    char *text = reader->next, *newline = memchr(text, '\n', reader->end - text);
    Line line = { .text = text, .length = (newline ? newline : reader->end) - text };

    reader->next = newline ? newline + 1 : reader->end;
    reader->line++;
    if (line.length > 0 && text[line.length - 1] == '\r')
        line.length--;

    const char *problem = bytes_problem(&line);
    if (problem)
        complain(reader, reader->line, problem);
    line.refused = problem;

    for (; line.length > 0 && is_blank(*line.text); line.text++)
        line.length--;
    return line;
}

static bool is_comment(const Line *line) {
    return line->length > 0 && (*line->text == '#' || *line->text == ';');
}

/* A backslash that is not itself escaped. */
static bool is_continued(const Line *line) {
    size_t n = 0;

    while (n < line->length && line->text[line->length - 1 - n] == '\\')
        n++;
    return n % 2 > 0;
}

/* Takes a line and those that continue it, joined in place; comments between them are left out. False at the end. */
static bool take_line(Reader *reader, Line *ret) {
    Line whole = {};
    bool more = true;

    while (more && reader->next < reader->end) {
        Line line = take_physical_line(reader);

        if (is_comment(&line))
            continue;
        if (!whole.text) {
            whole.text = line.text;
            reader->first_line = reader->line;
        }
        memmove(whole.text + whole.length, line.text, line.length);
        whole.length += line.length;
        whole.refused = whole.refused || line.refused;
        more = is_continued(&whole);
        if (more)
            whole.text[whole.length - 1] = ' ';
    }
    if (!whole.text)
        return false;
    while (whole.length > 0 && is_blank(whole.text[whole.length - 1]))
        whole.length--;
    whole.text[whole.length] = '\0';
    *ret = whole;
    return true;
}

static int open_section(Reader *reader, Line *line) {
    char *title = line->text + 1, *bracket = title + strcspn(title, "[]");

    if (!line->refused && strcmp(bracket, "]") != 0) {
        complain(reader, reader->first_line, "bad section line; expected [section] and nothing else");
        line->refused = true;
    }
    *bracket = '\0';
    reader->in_section = true;
    return reader->calls->section(reader->userdata, reader->first_line, line->refused ? NULL : title);
}

/* Cuts the line into key and value; reports what cannot be cut. */
static bool cut_assignment(Reader *reader, char *text) {
    static const char key_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    char excerpt[EXCERPT_SIZE];
    size_t length = strspn(text, key_bytes);
    char *equals = text + length + strspn(text + length, BLANKS);

    if (length == 0 || *equals != '=') {
        diagnostics_add(reader->diagnostics, reader->file, reader->first_line, NULL, NULL,
                "expected [section], Key=value or a comment, not '%s'", diagnostics_excerpt(text, excerpt));
        return false;
    }
    if (length > KEY_LENGTH_MAX) {
        complain(reader, reader->first_line, "the key is too long");
        return false;
    }
    text[length] = '\0';
    reader->value = equals + 1 + strspn(equals + 1, BLANKS);
    return true;
}

/* inih's fgets: gives it the key of the next assignment. */
static char *read_assignment(char *buffer, int size, void *stream) {
    Reader *reader = stream;
    Line line;

    while (reader->error == 0 && take_line(reader, &line)) {
        if (*line.text == '[')
            reader->error = open_section(reader, &line);
        else if (line.length > 0 && !line.refused && cut_assignment(reader, line.text)) {
            snprintf(buffer, size, "%s=\n", line.text);
            return buffer;
        }
    }
    return NULL;
}

/* inih's verdict on what read_assignment() gave it. */
static int on_assignment(void *userdata, const char *section, const char *key, const char *value) {
    Reader *reader = userdata;

    if (reader->in_section)
        reader->error = reader->calls->assignment(reader->userdata, reader->first_line, key, reader->value);
    else
        diagnostics_add(
                reader->diagnostics, reader->file, reader->first_line, NULL, key, "the key stands before any section");
    return reader->error == 0;
}

int policy_read(const char *file, char *text, size_t length, Diagnostics *diagnostics, const PolicyReaderCalls *calls,
        void *userdata) {
    Reader reader = { .file = file, .diagnostics = diagnostics, .calls = calls, .userdata = userdata };

    reader.next = text;
    reader.end = text + length;
    if (length >= strlen(UTF8_BOM) && memcmp(text, UTF8_BOM, strlen(UTF8_BOM)) == 0)
        reader.next += strlen(UTF8_BOM);
    /* What inih finds wrong is -2, or the line of the first assignment that was refused, which is known better here. */
    int r = ini_parse_stream(read_assignment, &reader, on_assignment, &reader);
    return r == -2 ? -ENOMEM : reader.error;
}
