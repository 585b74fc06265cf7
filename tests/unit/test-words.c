/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Words: systemd's quoting, as systemd.syntax(7) and systemd.service(5) give it. */

#include "model/words.h"

#include <errno.h>

#include "model/policy.h"
#include "unit/check.h"

/* The words of a text, each between < and >, or "!" and the problem. */
static const char *words(const char *text) {
    static char result[4096];
    const char *problem = NULL;
    char *word;
    int r;

    result[0] = '\0';
    while ((r = word_take(&text, &word, &problem)) > 0) {
        snprintf(result + strlen(result), sizeof(result) - strlen(result), "<%s>", word);
        free(word);
    }
    if (r < 0)
        snprintf(result, sizeof(result), "!%s", problem);
    return result;
}

static void test_word_take(void) {
    CHECK_STREQ(words(""), "");
    CHECK_STREQ(words(" \t "), "");
    CHECK_STREQ(words("one"), "<one>");
    CHECK_STREQ(words("  one\ttwo  three "), "<one><two><three>");
    CHECK_STREQ(words("\"one two\" 'three four'"), "<one two><three four>");
    CHECK_STREQ(words("\"it's\" 'say \"x\"'"), "<it's><say \"x\">");
    CHECK_STREQ(words("a\"b c\"d'e f'"), "<ab cde f>");
    CHECK_STREQ(words("\"\" ''"), "<><>");
    CHECK_STREQ(words("\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\'\\s"), "<\a\b\f\n\r\t\v\\\"' >");
    CHECK_STREQ(words("\"\\n\" '\\n'"), "<\n><\n>");
    CHECK_STREQ(words("\\x41\\x7e\\101\\377"), "<A~A\377>");
    CHECK_STREQ(words("\\x414\\1012"), "<A4A2>");
    CHECK_STREQ(words("one # two ; three"), "<one><#><two><;><three>");
}

static void test_word_problems(void) {
    static const char *const bad_escapes[] = { "\\", "\\q", "\\x", "\\x4", "\\x4g", "\\x00", "\\x+4", "\\x 4", "\\000",
        "\\12", "\\128", "\\400", "\\-12", "\"\\", "\\u0041" };

    for (size_t i = 0; i < ELEMENTSOF(bad_escapes); i++)
        CHECK_STREQ(words(bad_escapes[i]), "!bad escape sequence; a backslash itself is written \\\\");
    CHECK_STREQ(words("a \"b"), "!the quote \" is never closed");
    CHECK_STREQ(words("a 'b\""), "!the quote ' is never closed");
}

static void check_command(const char *text, const char *expected) {
    _cleanup_(cleanup_strv_free) char **arguments = NULL;
    const char *problem = NULL;
    char joined[1024] = "";

    int r = words_parse_command(text, &arguments, &problem);
    if (r < 0) {
        CHECK_EQ(r, -EINVAL);
        CHECK(problem);
        CHECK(!arguments);
    }
    for (size_t i = 0; arguments && arguments[i]; i++)
        snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "<%s>", arguments[i]);
    CHECK_STREQ(r < 0 ? NULL : joined, expected);
}

static void test_command(void) {
    check_command("/bin/sh -c 'echo $HOME; exit 1'", "</bin/sh><-c><echo $HOME; exit 1>");
    check_command("/bin/echo 100% $$HOME a$$ $$$$", "</bin/echo><100%><$HOME><a$><$$>");
    check_command("/bin/find \\; \";\" a; x", "</bin/find><;><;><a;><x>");
    check_command("\"/opt/a b/run\" x", "</opt/a b/run><x>");
    check_command("/bin/echo $HOME", NULL);
    check_command("/bin/echo \"$HOME\"", NULL);
    check_command("/bin/echo $", NULL);
    check_command("/bin/echo x${HOME}", NULL);
    check_command("/bin/a ; /bin/b", NULL);
    check_command("/bin/a ;", NULL);
    check_command("", NULL);
    check_command("echo", NULL);
    check_command("./echo", NULL);
    check_command("/bin/", NULL);
    for (const char *prefix = "-@:+!|"; *prefix; prefix++) {
        char text[] = "?/bin/true";

        text[0] = *prefix;
        check_command(text, NULL);
    }
}

static void test_command_length(void) {
    char text[2 * ARGUMENTS_MAX + sizeof("/x")] = "/x";
    _cleanup_(cleanup_strv_free) char **arguments = NULL, **more = NULL;
    const char *problem = NULL;

    for (int i = 1; i < ARGUMENTS_MAX; i++)
        strcat(text, " x");
    CHECK_EQ(words_parse_command(text, &arguments, &problem), 0);
    CHECK_EQ(strv_length(arguments), ARGUMENTS_MAX);
    strcat(text, " x");
    CHECK_EQ(words_parse_command(text, &more, &problem), -EINVAL);
    CHECK_STREQ(problem, "too many arguments");
}

static void test_environment(void) {
    _cleanup_(cleanup_strv_free) char **environment = NULL;
    const char *problem = NULL;

    CHECK_EQ(words_parse_environment("", &environment, &problem), 0);
    CHECK(!environment);
    CHECK_EQ(words_parse_environment("A=1 'B=two words' C=", &environment, &problem), 0);
    CHECK_EQ(words_parse_environment("AB=x A=$B=%", &environment, &problem), 0);
    CHECK_EQ(strv_length(environment), 4);
    CHECK_STREQ(environment[0], "A=$B=%");
    CHECK_STREQ(environment[1], "B=two words");
    CHECK_STREQ(environment[2], "C=");
    CHECK_STREQ(environment[3], "AB=x");
    CHECK_EQ(words_parse_environment("A", &environment, &problem), -EINVAL);
    CHECK_EQ(words_parse_environment("=x", &environment, &problem), -EINVAL);
    CHECK_EQ(words_parse_environment("1=x", &environment, &problem), -EINVAL);
    CHECK_EQ(words_parse_environment("A-B=x", &environment, &problem), -EINVAL);
}

int main(void) {
    test_word_take();
    test_word_problems();
    test_command();
    test_command_length();
    test_environment();
    return 0;
}
