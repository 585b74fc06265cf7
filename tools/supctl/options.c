/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Options are rows; getopt_long splits the words. A row's function reads its value, and serves every row of that kind. */

#include "tools/supctl/options.h"

#include <getopt.h>
#include <string.h>

#include "base/parse.h"
#include "base/strv.h"
#include "serve/protocol.h"
#include "tools/supctl/moment.h"
#include "tools/supctl/text.h"
#include "tools/supctl/top-order.h"

#define INTERVAL_USEC_MIN (50 * USEC_PER_MSEC)

static int bad_value(const Option *option, const char *value, const char *expects) {
    complain("--%s %s: not %s", option->name, value, expects);
    return EXIT_USAGE;
}

static void *field(const Option *option, Options *options) {
    return (char *) options + option->offset;
}

static int take_flag(const Option *option, const char *value, Options *options) {
    *(bool *) field(option, options) = true;
    return EXIT_SUCCESS;
}

static int take_text(const Option *option, const char *value, Options *options) {
    *(const char **) field(option, options) = value;
    return EXIT_SUCCESS;
}

static int take_name(const Option *option, const char *value, Options *options) {
    return name_is_valid(value) ? take_text(option, value, options) : bad_value(option, value, "a name");
}

static int take_list(const Option *option, const char *value, Options *options) {
    return strv_push(field(option, options), value) < 0 ? complain_memory() : EXIT_SUCCESS;
}

static int take_whom(const Option *option, const char *value, Options *options) {
    bool known = strcmp(value, "main") == 0 || strcmp(value, "all") == 0;

    return known ? take_text(option, value, options) : bad_value(option, value, "main or all");
}

static int take_slice(const Option *option, const char *value, Options *options) {
    _cleanup_(cleanup_free) char *setting = NULL;

    if (!name_is_valid(value))
        return bad_value(option, value, "a name");
    return text_printf(&setting, "Slice=%s", value) < 0 ? complain_memory() : take_list(option, setting, options);
}

static int take_path(const Option *option, const char *value, Options *options) {
    return *value == '/' ? take_text(option, value, options) : bad_value(option, value, "an absolute path");
}

static int take_count(const Option *option, const char *value, Options *options) {
    uint64_t count;

    if (parse_u64(value, &count) < 0 || count == 0)
        return bad_value(option, value, "a number from 1 up");
    *(uint64_t *) field(option, options) = count;
    return EXIT_SUCCESS;
}

static int take_number(const Option *option, const char *value, Options *options) {
    return parse_u64(value, field(option, options)) < 0 ? bad_value(option, value, "a number") : EXIT_SUCCESS;
}

static int take_moment(const Option *option, const char *value, Options *options) {
    if (parse_moment(value, realtime_now_usec(), field(option, options)) < 0)
        return bad_value(option, value, "a time such as '2026-11-22 07:30', 07:30, today or -10min");
    return EXIT_SUCCESS;
}

static int take_interval(const Option *option, const char *value, Options *options) {
    uint64_t usec;

    if (parse_usec(value, &usec) < 0 || usec < INTERVAL_USEC_MIN)
        return bad_value(option, value, "a time of at least 50ms");
    *(uint64_t *) field(option, options) = usec;
    return EXIT_SUCCESS;
}

static int take_json(const Option *option, const char *value, Options *options) {
    static const char *const styles[JSON_STYLES_COUNT] = {
        [JSON_OFF] = "off",
        [JSON_SHORT] = "short",
        [JSON_PRETTY] = "pretty",
    };

    for (JsonStyle style = 0; style < JSON_STYLES_COUNT; style++)
        if (strcmp(value ? value : "short", styles[style]) == 0) {
            *(JsonStyle *) field(option, options) = style;
            return EXIT_SUCCESS;
        }
    return bad_value(option, value, "short, pretty or off");
}

#define IN(name) offsetof(Options, name)

const Option option_rows[] = {
    { NULL, 0, "socket", "PATH", take_text, IN(socket), "Talk to supervisord here (" CONTROL_SOCKET_DEFAULT ")" },
    { NULL, 0, "no-legend", NULL, take_flag, IN(no_legend), "Leave out headings" },
    { NULL, 0, "plain", NULL, take_flag, IN(plain), "Neither colors nor glyphs, and no line is cut" },
    { NULL, 'q', "quiet", NULL, take_flag, IN(quiet), "Say only what was asked for, and errors" },
    { NULL, 'h', "help", NULL, take_flag, IN(help), "Explain, and do nothing" },
    { NULL, 0, "version", NULL, take_flag, IN(version), "Print the version of supctl" },
    { "status show list tree top logs cat diff plan events check version", 0, "json", "[short|pretty|off]", take_json,
            IN(json), "Print JSON; short when not said otherwise" },
    { "show", 'p', "property", "KEY", take_list, IN(properties),
            "Print KEY=value of this limit, meter or field; repeatable" },
    { "show", 0, "value", NULL, take_flag, IN(value), "With -p: print the value alone" },
    { "plan", 0, "what-if", "NAME.KEY=VALUE", take_list, IN(changes),
            "Show instead what CPU time all would be entitled to; repeatable" },
    { "run", 0, "name", "NAME", take_name, IN(name), "Call the workload NAME (run-XXXXXXXX)" },
    { "run", 'p', "property", "KEY=VALUE", take_list, IN(properties), "Set a limit or key of the policy; repeatable" },
    { "run", 0, "unit", "NAME", take_name, IN(name), "The same, for who is used to systemd-run" },
    { "run", 0, "slice", "NAME", take_slice, IN(properties), "Run it in this slice" },
    { "run exec", 't', "pty", NULL, take_flag, IN(pty), "On a terminal of its own" },
    { "run exec", 'E', "setenv", "NAME=VALUE", take_list, IN(environment), "Set a variable; repeatable" },
    { "run exec", 0, "working-directory", "PATH", take_path, IN(directory), "Start there" },
    { "exec", 0, "user", "USER", take_text, IN(user), "As this user, not the workload's" },
    { "run", 'd', "no-wait", NULL, take_flag, IN(no_wait), "Return as soon as it runs" },
    { "run", 0, "rm", NULL, take_flag, IN(collect), "With -d: forget it after its end, also if it has failed" },
    { "run", 'G', "collect", NULL, take_flag, IN(collect), "The same, for who is used to systemd-run" },
    { "start stop restart", 0, "no-block", NULL, take_flag, IN(no_block),
            "Return as soon as it is written down, before it is done" },
    { "set", 0, "runtime", NULL, take_flag, IN(runtime), "Until the next boot only" },
    { "kill", 's', "signal", "SIGNAL", take_text, IN(signal), "Send this one (TERM)" },
    { "kill", 0, "kill-whom", "WHOM", take_whom, IN(kill_whom), "To the main process alone, or to all (all)" },
    { "logs events", 'f', "follow", NULL, take_flag, IN(follow), "Go on with what comes" },
    { "logs events", 'n', "lines", "N", take_number, IN(lines), "Only the last N lines (all; with -f: 10)" },
    { "logs", 0, "since", "TIME", take_moment, IN(since_usec), "Only what was written from then on" },
    { "logs", 0, "until", "TIME", take_moment, IN(until_usec), "Only what was written until then" },
    { "top", 0, "interval", "TIME", take_interval, IN(interval_usec), "Refresh this often (1s)" },
    { "top", 0, "sort", TOP_SORT_NAMES, take_text, IN(sort), "The largest first" },
    { "top", 0, "flat", NULL, take_flag, IN(flat), "Workloads alone, not as a tree" },
    { "top", 'n', "iterations", "N", take_count, IN(iterations), "Stop after N tables" },
    { "top", 'b', "batch", NULL, take_flag, IN(batch), "Print plain tables, one after another" },
    { 0 },
};

/* Is word one of those in list? */
static bool list_has(const char *list, const char *word) {
    size_t length = strlen(word);

    for (const char *found = list; (found = strstr(found, word)); found += length)
        if ((found == list || found[-1] == ' ') && (found[length] == '\0' || found[length] == ' '))
            return true;
    return false;
}

bool option_is_of(const Option *option, const Verb *verb) {
    return !option->verbs || (verb && list_has(option->verbs, verb->name));
}

enum { FIRST_ID = 256 }; /* getopt's number of a row is FIRST_ID and its index: above all letters */

/* What getopt_long wants, of the options that the verb takes. */
typedef struct OptionTable {
    char letters[2 * ELEMENTSOF(option_rows) + 2];
    struct option names[ELEMENTSOF(option_rows) + 1];
} OptionTable;

static int argument_kind(const Option *option) {
    if (!option->argument)
        return no_argument;
    return *option->argument == '[' ? optional_argument : required_argument;
}

static OptionTable option_table(const Verb *verb) {
    OptionTable table = { .letters = "" };
    char *end = table.letters;
    size_t n = 0;

    if (!verb || verb_has_command(verb))
        *end++ = '+';
    FOREACH_OPTION (option) {
        if (!option_is_of(option, verb))
            continue;
        table.names[n++] =
                (struct option){ option->name, argument_kind(option), NULL, (int) (option - option_rows) + FIRST_ID };
        if (option->letter)
            *end++ = option->letter;
        if (option->letter && option->argument)
            *end++ = ':';
    }
    return table;
}

/* NULL for getopt's '?'. */
static const Option *find_option(const Verb *verb, int letter_or_id) {
    if (letter_or_id >= FIRST_ID)
        return &option_rows[letter_or_id - FIRST_ID];
    FOREACH_OPTION (option)
        if (option_is_of(option, verb) && option->letter == letter_or_id)
            return option;
    return NULL;
}

int options_parse(const Verb *verb, int argc, char **argv, Options *options) {
    OptionTable table = option_table(verb);
    int found, status = EXIT_SUCCESS;

    optind = 0;
    while (status == EXIT_SUCCESS && (found = getopt_long(argc, argv, table.letters, table.names, NULL)) != -1) {
        const Option *option = find_option(verb, found);

        if (option)
            status = option->take(option, optarg, options);
        else {
            if (verb)
                complain("see `supctl %s --help`", verb->name);
            else
                complain("options of a verb stand behind it, as in `supctl list --json`; see `supctl --help`");
            status = EXIT_USAGE;
        }
    }
    return status;
}
