/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * supctl: the command line of supervisord. Two tables say what there is, verbs and options; parsing, --help, the man page
 * check and the completions follow them. Every verb is one function in a file of its family.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/strv.h"
#include "serve/protocol.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

#define INTERVAL_USEC_DEFAULT USEC_PER_SEC
#define INTERVAL_USEC_MIN (50 * USEC_PER_MSEC)

enum { ANY = -1 };

typedef struct Verb {
    const char *name;
    const char *arguments; /* for the usage line */
    int n_min, n_max;      /* ANY: no upper bound */
    bool has_command;      /* options end at the first argument: what follows is somebody else's */
    VerbFunction *run;
    const char *summary;
    const char *example;
} Verb;

static const Verb verbs[] = {
    { "status", "[NAME...]", 0, ANY, false, verb_status, "Show how the node or the named workloads are",
            "supctl status web" },
    { "tree", "", 0, 0, false, verb_tree, "Show slices and workloads as a tree", "supctl tree" },
    { "top", "", 0, 0, false, verb_top, "Show live what slices and workloads use", "supctl top --interval 5s" },
    { "show", "NAME", 1, 1, false, verb_show, "Show limits and meters of a slice or workload",
            "supctl show web -p MemoryMax --value" },
    { "list", "", 0, 0, false, verb_list, "List slices and workloads", "supctl list --no-legend" },
    { "plan", "", 0, 0, false, verb_plan, "Show what reload would do now", "supctl plan" },
    { "reload", "", 0, 0, false, verb_reload, "Read the policy again and apply what changed", "supctl reload" },
    { "start", "NAME...", 1, ANY, false, verb_start, "Start workloads", "supctl start web" },
    { "stop", "NAME...", 1, ANY, false, verb_stop, "Stop workloads", "supctl stop web" },
    { "restart", "NAME...", 1, ANY, false, verb_restart, "Stop workloads and start them again", "supctl restart web" },
    { "shutdown", "", 0, 0, false, verb_shutdown,
            "Stop all workloads until the next reload, as at the machine's shutdown", "supctl shutdown" },
    { "run", "[--] COMMAND [ARGUMENT...]", 1, ANY, true, verb_run,
            "Run a command as a workload and return its exit code", "supctl run -p MemoryMax=64M -- make test" },
    { "check", "", 0, 0, false, verb_check, "Show what enforces which share on this host, and why", "supctl check" },
    { "verify", "FILE|DIRECTORY...", 1, ANY, false, verb_verify, "Check policy files, without root or supervisord",
            "supctl verify /etc/supervisord" },
    { "metrics", "", 0, 0, false, verb_metrics, "Print all metrics in Prometheus' text format", "supctl metrics" },
    { "version", "", 0, 0, false, verb_version, "Print the versions of supctl and supervisord", "supctl version" },
    { "help", "[VERB]", 0, 1, false, verb_help, "Explain supctl or one of its verbs", "supctl help run" },
};

typedef enum OptionId {
    OPTION_SOCKET = 256, /* above all letters */
    OPTION_NO_LEGEND,
    OPTION_HELP,
    OPTION_VERSION,
    OPTION_PROPERTY,
    OPTION_SETTING,
    OPTION_VALUE,
    OPTION_NAME,
    OPTION_NO_WAIT,
    OPTION_INTERVAL,
    OPTION_ITERATIONS,
    OPTION_BATCH,
} OptionId;

typedef struct Option {
    OptionId id;
    const char *verb; /* NULL: of all */
    char letter;      /* 0: none */
    const char *name;
    const char *argument; /* NULL: takes none */
    const char *summary;
} Option;

static const Option option_rows[] = {
    { OPTION_SOCKET, NULL, 0, "socket", "PATH", "Talk to supervisord here (" CONTROL_SOCKET_DEFAULT ")" },
    { OPTION_NO_LEGEND, NULL, 0, "no-legend", NULL, "Leave out headings" },
    { OPTION_HELP, NULL, 'h', "help", NULL, "Explain, and do nothing" },
    { OPTION_VERSION, NULL, 0, "version", NULL, "Print the version of supctl" },
    { OPTION_PROPERTY, "show", 'p', "property", "KEY", "Print KEY=value of this limit, meter or field; repeatable" },
    { OPTION_VALUE, "show", 0, "value", NULL, "With -p: print the value alone" },
    { OPTION_NAME, "run", 0, "name", "NAME", "Call the workload NAME (run-XXXXXXXX)" },
    { OPTION_SETTING, "run", 'p', "property", "KEY=VALUE", "Set a limit or key of the policy; repeatable" },
    { OPTION_NO_WAIT, "run", 0, "no-wait", NULL, "Return as soon as it runs" },
    { OPTION_INTERVAL, "top", 0, "interval", "TIME", "Refresh this often (1s)" },
    { OPTION_ITERATIONS, "top", 0, "iterations", "N", "Stop after N tables" },
    { OPTION_BATCH, "top", 0, "batch", NULL, "Print plain tables, one after another" },
};

static const Verb *find_verb(const char *name) {
    for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static const Verb *nearest_verb(const char *name) {
    enum { NEAR = 2 };
    const Verb *nearest = NULL;
    unsigned least = NEAR + 1;

    for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
        unsigned distance = edit_distance(name, verbs[i].name);

        if (distance < least) {
            least = distance;
            nearest = &verbs[i];
        }
    }
    return nearest;
}

static bool option_is_of(const Option *option, const Verb *verb) {
    return !option->verb || (verb && strcmp(option->verb, verb->name) == 0);
}

static void print_options(const Verb *verb, bool of_all) {
    for (const Option *option = option_rows; option < option_rows + ELEMENTSOF(option_rows); option++) {
        char letter[] = { '-', option->letter, ',', '\0' }, name[64];

        if (!option_is_of(option, verb) || of_all != !option->verb)
            continue;
        snprintf(name, sizeof(name), "--%s%s%s", option->name, option->argument ? " " : "",
                option->argument ? option->argument : "");
        printf("  %-3s %-22s %s\n", option->letter ? letter : "", name, option->summary);
    }
}

static void print_help(void) {
    puts("Usage: supctl [OPTION...] VERB [ARGUMENT...]\n\nAsk and tell supervisord.\n");
    for (const Verb *verb = verbs; verb < verbs + ELEMENTSOF(verbs); verb++)
        printf("  %-9s %s\n", verb->name, verb->summary);
    puts("");
    print_options(NULL, true);
    puts("\nSee supctl(1), and `supctl VERB --help` for each verb.");
}

static void print_verb_help(const Verb *verb) {
    printf("Usage: supctl %s [OPTION...]%s%s\n\n%s.\n\n", verb->name, *verb->arguments ? " " : "", verb->arguments,
            verb->summary);
    print_options(verb, false);
    print_options(verb, true);
    printf("\nExample: %s\n", verb->example);
}

static int unknown_verb(const char *name) {
    const Verb *nearest = nearest_verb(name);

    if (nearest)
        complain("there is no verb '%s'; did you mean '%s'?", name, nearest->name);
    else
        complain("there is no verb '%s' (`supctl --help` lists them)", name);
    return EXIT_USAGE;
}

int verb_help(const Options *options, char **arguments) {
    const Verb *verb = arguments[0] ? find_verb(arguments[0]) : NULL;

    if (arguments[0] && !verb)
        return unknown_verb(arguments[0]);
    if (verb)
        print_verb_help(verb);
    else
        print_help();
    return EXIT_SUCCESS;
}

static int bad_value(const Option *option, const char *value, const char *expects) {
    complain("--%s %s: not %s", option->name, value, expects);
    return EXIT_USAGE;
}

/* EXIT_SUCCESS or the status to leave with. */
static int apply_option(const Option *option, const char *value, Options *options) {
    switch (option->id) {
    case OPTION_SOCKET:
        options->socket = value;
        return EXIT_SUCCESS;
    case OPTION_NO_LEGEND:
        options->no_legend = true;
        return EXIT_SUCCESS;
    case OPTION_HELP:
        options->help = true;
        return EXIT_SUCCESS;
    case OPTION_VERSION:
        options->version = true;
        return EXIT_SUCCESS;
    case OPTION_PROPERTY:
    case OPTION_SETTING:
        return strv_push(&options->properties, value) < 0 ? complain_memory() : EXIT_SUCCESS;
    case OPTION_VALUE:
        options->value = true;
        return EXIT_SUCCESS;
    case OPTION_NAME:
        options->name = value;
        return name_is_valid(value) ? EXIT_SUCCESS : bad_value(option, value, "a name");
    case OPTION_NO_WAIT:
        options->no_wait = true;
        return EXIT_SUCCESS;
    case OPTION_INTERVAL:
        if (parse_usec(value, &options->interval_usec) < 0 || options->interval_usec < INTERVAL_USEC_MIN)
            return bad_value(option, value, "a time of at least 50ms");
        return EXIT_SUCCESS;
    case OPTION_ITERATIONS:
        if (parse_u64(value, &options->iterations) < 0 || options->iterations == 0)
            return bad_value(option, value, "a number from 1 up");
        return EXIT_SUCCESS;
    case OPTION_BATCH:
        options->batch = true;
        return EXIT_SUCCESS;
    }
    return EXIT_USAGE;
}

/* What getopt_long wants, of the options that the verb takes. */
typedef struct OptionTable {
    char letters[2 * ELEMENTSOF(option_rows) + 2];
    struct option names[ELEMENTSOF(option_rows) + 1];
} OptionTable;

static OptionTable option_table(const Verb *verb) {
    OptionTable table = { .letters = "" };
    char *end = table.letters;
    size_t n = 0;

    if (!verb || verb->has_command)
        *end++ = '+';
    for (const Option *option = option_rows; option < option_rows + ELEMENTSOF(option_rows); option++) {
        if (!option_is_of(option, verb))
            continue;
        table.names[n++] = (struct option){ option->name, option->argument ? required_argument : no_argument, NULL,
            (int) option->id };
        if (option->letter)
            *end++ = option->letter;
        if (option->letter && option->argument)
            *end++ = ':';
    }
    return table;
}

static const Option *find_option(const Verb *verb, int letter_or_id) {
    for (const Option *option = option_rows; option < option_rows + ELEMENTSOF(option_rows); option++)
        if (option_is_of(option, verb) && (letter_or_id == (int) option->id || letter_or_id == option->letter))
            return option;
    return NULL;
}

/* Options up to the first argument, or of a verb also between arguments. EXIT_SUCCESS or the status to leave with. */
static int parse_options(const Verb *verb, int argc, char **argv, Options *options) {
    OptionTable table = option_table(verb);
    int found, status = EXIT_SUCCESS;

    optind = 0;
    while (status == EXIT_SUCCESS && (found = getopt_long(argc, argv, table.letters, table.names, NULL)) != -1) {
        const Option *option = find_option(verb, found);

        if (option)
            status = apply_option(option, optarg, options);
        else {
            complain("see `supctl %s%s--help`", verb ? verb->name : "", verb ? " " : "");
            status = EXIT_USAGE;
        }
    }
    return status;
}

static int check_arguments(const Verb *verb, int n) {
    if (n >= verb->n_min && (verb->n_max == ANY || n <= verb->n_max))
        return EXIT_SUCCESS;
    if (*verb->arguments)
        complain("%s takes %s (`supctl %s --help`)", verb->name, verb->arguments, verb->name);
    else
        complain("%s takes no arguments (`supctl %s --help`)", verb->name, verb->name);
    return EXIT_USAGE;
}

static int print_version(void) {
    puts("supctl " PROJECT_VERSION);
    return EXIT_SUCCESS;
}

static int run_verb(const Verb *verb, int argc, char **argv, Options *options) {
    int status = parse_options(verb, argc, argv, options);

    if (status != EXIT_SUCCESS)
        return status;
    if (options->version)
        return print_version();
    if (options->help) {
        print_verb_help(verb);
        return EXIT_SUCCESS;
    }
    status = check_arguments(verb, argc - optind);
    return status == EXIT_SUCCESS ? verb->run(options, argv + optind) : status;
}

static int run_main(int argc, char **argv, Options *options) {
    static char program_name[] = "supctl"; /* getopt's messages begin with argv[0] */
    const Verb *verb;
    int status;

    argv[0] = program_name;
    status = parse_options(NULL, argc, argv, options);

    if (status != EXIT_SUCCESS)
        return status;
    if (options->version)
        return print_version();
    if (optind == argc && !options->help) {
        complain("which verb? (`supctl --help` lists them)");
        return EXIT_USAGE;
    }
    if (optind == argc) {
        print_help();
        return EXIT_SUCCESS;
    }
    verb = find_verb(argv[optind]);
    if (!verb)
        return unknown_verb(argv[optind]);
    argc -= optind;
    argv += optind;
    argv[0] = program_name;
    return run_verb(verb, argc, argv, options);
}

/* Descriptors 0 to 2 are ours to give away in `run`; none of them may become a socket by chance. */
static void open_missing_stdio(void) {
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close_fd(fd);
}

static int close_stdout(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    complain("cannot write to stdout: %s", strerror(errno));
    return status == EXIT_SUCCESS ? EXIT_FAILURE : status;
}

int main(int argc, char **argv) {
    const char *socket = getenv("SUPERVISORD_SOCKET");
    Options options = {
        .socket = socket && *socket ? socket : CONTROL_SOCKET_DEFAULT,
        .interval_usec = INTERVAL_USEC_DEFAULT,
        .iterations = UINT64_MAX,
    };
    int status;

    open_missing_stdio();
    status = close_stdout(run_main(argc, argv, &options));
    options.properties = strv_free(options.properties);
    return status;
}
