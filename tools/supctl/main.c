/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * supctl: the command line of supervisord. Two tables say what there is, verbs here and options in options.c; parsing,
 * --help, the man page check and the completions follow them. Every verb is one function in a file of its family.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/strv.h"
#include "serve/protocol.h"
#include "tools/supctl/names.h"
#include "tools/supctl/options.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

#define INTERVAL_USEC_DEFAULT USEC_PER_SEC

const Verb verbs[] = {
    { "status", "[NAME...]", 0, ANY, ARGUMENTS_GROUPS, verb_status, "Show how the node or the named workloads are",
            "supctl status web" },
    { "tree", "", 0, 0, ARGUMENTS_NONE, verb_tree, "Show slices and workloads as a tree", "supctl tree" },
    { "top", "", 0, 0, ARGUMENTS_NONE, verb_top, "Show live what slices and workloads use",
            "supctl top --interval 5s" },
    { "show", "NAME...", 1, ANY, ARGUMENTS_GROUPS, verb_show, "Show limits and meters of slices and workloads",
            "supctl show web -p MemoryMax --value" },
    { "list", "[NAME...]", 0, ANY, ARGUMENTS_GROUPS, verb_list, "List slices and workloads", "supctl list 'web-*'" },
    { "logs", "[NAME...]", 0, ANY, ARGUMENTS_GROUPS, verb_logs, "Show what workloads have written to their output",
            "supctl logs -f web" },
    { "cat", "[NAME...]", 0, ANY, ARGUMENTS_GROUPS, verb_cat, "Show the policy, merged, and where each line comes from",
            "supctl cat web" },
    { "diff", "[NAME...]", 0, ANY, ARGUMENTS_GROUPS, verb_diff, "Show what differs between policy, files and node",
            "supctl diff web" },
    { "plan", "", 0, 0, ARGUMENTS_NONE, verb_plan, "Show what reload would do now", "supctl plan" },
    { "reload", "", 0, 0, ARGUMENTS_NONE, verb_reload, "Read the policy again and apply what changed",
            "supctl reload" },
    { "start", "NAME...", 1, ANY, ARGUMENTS_SUBTREES, verb_start, "Start workloads, or all of a slice",
            "supctl start web" },
    { "stop", "NAME...", 1, ANY, ARGUMENTS_SUBTREES, verb_stop, "Stop workloads, or all of a slice",
            "supctl stop web" },
    { "restart", "NAME...", 1, ANY, ARGUMENTS_SUBTREES, verb_restart, "Stop workloads and start them again",
            "supctl restart web" },
    { "set", "NAME KEY=[VALUE]...", 2, ANY, ARGUMENTS_SETTINGS, verb_set, "Set limits and keys of a slice or workload",
            "supctl set web MemoryMax=512M CPUWeight=50" },
    { "kill", "NAME...", 1, ANY, ARGUMENTS_WORKLOADS, verb_kill, "Send a signal to the processes of workloads",
            "supctl kill --signal HUP web" },
    { "freeze", "NAME...", 1, ANY, ARGUMENTS_GROUPS, verb_freeze, "Let slices or workloads stand still",
            "supctl freeze batch" },
    { "thaw", "NAME...", 1, ANY, ARGUMENTS_GROUPS, verb_thaw, "Let them go on", "supctl thaw batch" },
    { "wait", "NAME...", 1, ANY, ARGUMENTS_WORKLOADS, verb_wait,
            "Wait for the end of workloads, and return their exit code", "supctl wait job" },
    { "is-active", "NAME...", 1, ANY, ARGUMENTS_GROUPS, verb_is_active, "Return whether one of them runs",
            "supctl is-active web" },
    { "is-failed", "NAME...", 1, ANY, ARGUMENTS_GROUPS, verb_is_failed, "Return whether one of them has failed",
            "supctl is-failed web" },
    { "shutdown", "", 0, 0, ARGUMENTS_NONE, verb_shutdown,
            "Stop all workloads until the next reload, as at the machine's shutdown", "supctl shutdown" },
    { "run", "[--] COMMAND [ARGUMENT...]", 1, ANY, ARGUMENTS_COMMAND, verb_run,
            "Run a command as a workload and return its exit code", "supctl run -p MemoryMax=64M -- make test" },
    { "rm", "NAME...", 1, ANY, ARGUMENTS_WORKLOADS, verb_rm, "Forget workloads of `run` that have failed",
            "supctl rm job" },
    { "events", "[NAME...]", 0, ANY, ARGUMENTS_GROUPS, verb_events, "Show what supervisord has done, and does",
            "supctl events -f web" },
    { "exec", "NAME [OPTION...] [--] COMMAND [ARGUMENT...]", 2, ANY, ARGUMENTS_EXEC, verb_exec,
            "Run a command within a running workload", "supctl exec web --pty -- bash" },
    { "check", "", 0, 0, ARGUMENTS_NONE, verb_check, "Show what enforces which share on this host, and why",
            "supctl check" },
    { "verify", "[FILE|DIRECTORY[:DIRECTORY...]...]", 0, ANY, ARGUMENTS_FILES, verb_verify,
            "Check policy files, without root or supervisord", "supctl verify /etc/supervisord" },
    { "metrics", "", 0, 0, ARGUMENTS_NONE, verb_metrics, "Print all metrics in Prometheus' text format",
            "supctl metrics" },
    { "version", "", 0, 0, ARGUMENTS_NONE, verb_version, "Print the versions of supctl and supervisord",
            "supctl version" },
    { "help", "[VERB]", 0, 1, ARGUMENTS_VERB, verb_help, "Explain supctl or one of its verbs", "supctl help run" },
    { "complete", "[WORD...]", 0, ANY, ARGUMENTS_COMMAND, verb_complete, NULL, NULL },
    { 0 },
};

const Verb *verb_find(const char *name) {
    FOREACH_VERB (verb)
        if (strcmp(verb->name, name) == 0)
            return verb;
    return NULL;
}

static const Verb *nearest_verb(const char *name) {
    enum { NEAR = 2 };
    const Verb *nearest = NULL;
    unsigned least = NEAR + 1;

    FOREACH_VERB (verb) {
        unsigned distance = verb->summary ? edit_distance(name, verb->name, NEAR) : UINT_MAX;

        if (distance < least) {
            least = distance;
            nearest = verb;
        }
    }
    return nearest;
}

/* "--interval TIME", "--json[=short|pretty|off]" */
static void print_option_name(const Option *option, char *buffer, size_t size) {
    const char *argument = option->argument ? option->argument : "";

    if (*argument == '[')
        snprintf(buffer, size, "--%s[=%s", option->name, argument + 1);
    else
        snprintf(buffer, size, "--%s%s%s", option->name, *argument ? " " : "", argument);
}

enum { OPTION_WIDTH = 22 }; /* a longer one has its summary on the next line */

static void print_options(const Verb *verb, bool of_all) {
    FOREACH_OPTION (option) {
        char letter[] = { '-', option->letter, ',', '\0' }, name[64];

        if (!option_is_of(option, verb) || of_all != !option->verbs)
            continue;
        print_option_name(option, name, sizeof(name));
        printf("  %-3s %-*s", option->letter ? letter : "", OPTION_WIDTH, name);
        if (strlen(name) > OPTION_WIDTH)
            printf("\n  %*s", 4 + OPTION_WIDTH, "");
        printf(" %s\n", option->summary);
    }
}

static void print_help(void) {
    puts("Usage: supctl [OPTION...] VERB [ARGUMENT...]\n\nAsk and tell supervisord.\n");
    FOREACH_VERB (verb)
        if (verb->summary)
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
    const Verb *verb = arguments[0] ? verb_find(arguments[0]) : NULL;

    if (arguments[0] && !verb)
        return unknown_verb(arguments[0]);
    if (verb)
        print_verb_help(verb);
    else
        print_help();
    return EXIT_SUCCESS;
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

static int run_with_names(const Verb *verb, char **arguments, const Options *options) {
    _cleanup_(cleanup_strv_free) char **names = NULL;
    int status = *arguments ? names_expand(options, verb->kind, arguments, &names) : EXIT_SUCCESS;

    if (status == EXIT_SUCCESS && names)
        status = check_arguments(verb, (int) strv_length(names));
    return status == EXIT_SUCCESS ? verb->run(options, names ? names : arguments) : status;
}

/* exec NAME [OPTION...] COMMAND...: options end at the command, not at the name, which comes to stand before it. */
static int parse_behind_name(const Verb *verb, int *argc, char ***argv, Options *options) {
    char *name = (*argv)[optind], program_name[] = "supctl";
    int status;

    *argc -= optind;
    *argv += optind;
    (*argv)[0] = program_name;
    status = options_parse(verb, *argc, *argv, options);
    (*argv)[--optind] = name;
    return status;
}

static int run_verb(const Verb *verb, int argc, char **argv, Options *options) {
    int status = options_parse(verb, argc, argv, options);

    if (status != EXIT_SUCCESS)
        return status;
    if (options->version)
        return print_version();
    if (options->help) {
        print_verb_help(verb);
        return EXIT_SUCCESS;
    }
    if (verb->kind == ARGUMENTS_EXEC && optind < argc) {
        status = parse_behind_name(verb, &argc, &argv, options);
        if (status != EXIT_SUCCESS)
            return status;
    }
    status = check_arguments(verb, argc - optind);
    if (status != EXIT_SUCCESS)
        return status;
    if (verb->kind == ARGUMENTS_GROUPS || verb->kind == ARGUMENTS_WORKLOADS || verb->kind == ARGUMENTS_SUBTREES)
        return run_with_names(verb, argv + optind, options);
    return verb->run(options, argv + optind);
}

static int run_main(int argc, char **argv, Options *options) {
    static char program_name[] = "supctl"; /* getopt's messages begin with argv[0] */
    const Verb *verb;
    int status;

    argv[0] = program_name;
    status = options_parse(NULL, argc, argv, options);

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
    verb = verb_find(argv[optind]);
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
        .lines = UINT64_MAX,
        .until_usec = UINT64_MAX,
    };
    int status;

    open_missing_stdio();
    status = close_stdout(run_main(argc, argv, &options));
    options.properties = strv_free(options.properties);
    options.environment = strv_free(options.environment);
    options.changes = strv_free(options.changes);
    return status;
}
