/* SPDX-License-Identifier: GPL-2.0-or-later */

/* EnvironmentFile=: the examples of systemd.exec(5), and what a hostile file may hold. */

#include "model/environment-file.h"

#include <errno.h>
#include <string.h>

#include "model/policy.h"
#include "unit/check.h"

/* The assignments of a text, each between < and >, or "!LINE: PROBLEM". */
static const char *read_text(const char *text, size_t length) {
    static char result[4096];
    _cleanup_(cleanup_strv_free) char **environment = NULL;
    const char *problem = NULL;
    unsigned line = 0;

    result[0] = '\0';
    int r = environment_file_parse(text, length, &environment, &line, &problem);
    for (size_t i = 0; r == 0 && environment && environment[i]; i++)
        snprintf(result + strlen(result), sizeof(result) - strlen(result), "<%s>", environment[i]);
    if (r < 0)
        snprintf(result, sizeof(result), "!%u: %s", line, problem);
    return result;
}

static const char *read_string(const char *text) {
    return read_text(text, strlen(text));
}

static void test_lines(void) {
    CHECK_STREQ(read_string(""), "");
    CHECK_STREQ(read_string("\n \n# A=1\n  ; B=2\n"), "");
    CHECK_STREQ(read_string("A=1\nB=\n\n  C = x y  \nD=1"), "<A=1><B=><C=x y><D=1>");
    CHECK_STREQ(read_string("A=1\r\nB=2\r\n"), "<A=1><B=2>");
    CHECK_STREQ(read_string("A=1\nB=2\nA=3\n"), "<A=3><B=2>");
    CHECK_STREQ(read_string("A=a=b # c\n"), "<A=a=b # c>");
    CHECK_STREQ(read_string("A"), "!1: expected a line of the form NAME=VALUE");
    CHECK_STREQ(read_string("A=1\n\nexport B=1\n"), "!3: expected a line of the form NAME=VALUE");
    CHECK_STREQ(read_string("1A=1\n"), "!1: expected a line of the form NAME=VALUE");
    CHECK_STREQ(read_string("=1\n"), "!1: expected a line of the form NAME=VALUE");
    CHECK_STREQ(read_text("A=1\0B=2", 7), "!1: a NUL byte is in the file");
}

static void test_quotes(void) {
    CHECK_STREQ(read_string("A=one \"two\" 'three'\n"), "<A=one \"two\" 'three'>");
    CHECK_STREQ(read_string("A=\"one two\"  \nB='x'\n"), "<A=one two><B=x>");
    CHECK_STREQ(read_string("A='a\\n$x\"\nb'\nB=2\n"), "<A=a\\n$x\"\nb><B=2>");
    CHECK_STREQ(read_string("A=\"a\\\"b\\$c\\n\"\n"), "<A=a\"b$c\\n>");
    CHECK_STREQ(read_string("A=\"one\\\ntwo\"\n"), "<A=onetwo>");
    CHECK_STREQ(read_string("A=one\\\ntwo\n"), "<A=onetwo>");
    CHECK_STREQ(read_string("A=x\\ \\  \n"), "<A=x  >");
    CHECK_STREQ(read_string("A=\\\\x\\q\n"), "<A=\\xq>");
    CHECK_STREQ(read_string("A=\\"), "<A=\\>");
    CHECK_STREQ(read_string("A=1\nB=\"x\n\n"), "!4: the quote \" is never closed");
    CHECK_STREQ(read_string("A='"), "!1: the quote ' is never closed");
}

static void test_bounds(void) {
    char text[16 * (ENVIRONMENT_MAX + 1)] = "";
    size_t length = 0;

    for (unsigned i = 0; i <= ENVIRONMENT_MAX; i++)
        length += (size_t) sprintf(text + length, "A%u=1\n", i);
    CHECK_STREQ(read_string(text), "!1025: too many variables");
}

int main(void) {
    test_lines();
    test_quotes();
    test_bounds();
    return 0;
}
