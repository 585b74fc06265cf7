/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * complete: what may stand at the end of a command line, for the shells' completion scripts, which know nothing of supctl
 * themselves. The words after "supctl" come in, the last is what has been typed of the one wanted. Candidates go out, a line
 * each, with a tab and what they mean. A line that begins with a colon asks for what the shell knows better: ":files",
 * ":command N" (a command line of its own begins at the Nth word).
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/parse.h"
#include "model/meter.h"
#include "model/policy/keys.h"
#include "tools/supctl/client.h"
#include "tools/supctl/options.h"
#include "tools/supctl/property.h"
#include "tools/supctl/report.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

/* Nobody who pressed a key waits longer for the daemon, unless SUPERVISORD_COMPLETION_TIMEOUT says so. */
enum { PATIENCE_USEC = 200 * 1000, PATIENCE_USEC_MAX = 60 * USEC_PER_SEC };

typedef struct Line {
    const Verb *verb;     /* NULL: not yet */
    const Option *option; /* whose argument is wanted; NULL: none */
    size_t n_arguments;   /* of the verb, before the last word */
    size_t command;       /* where the command that is to be run begins, counted in words */
    bool options_ended;
    const char *last;
    Options options;
} Line;

static void print_candidate(const char *last, const char *candidate, const char *meaning) {
    if (strncmp(candidate, last, strlen(last)) == 0)
        printf("%s\t%s\n", candidate, meaning);
}

/* --- where the cursor stands ------------------------------------------------------------------------------------- */

static const Option *find_option(const Line *line, const char *word) {
    FOREACH_OPTION (option) {
        bool is_short = word[1] == option->letter && option->letter && !word[2];
        bool is_long = word[1] == '-' && strcmp(word + 2, option->name) == 0;

        if (option_is_of(option, line->verb) && (is_short || is_long))
            return option;
    }
    return NULL;
}

static bool wants_argument(const Option *option) {
    return option && option->argument && *option->argument != '[';
}

/* The workload of exec stands before its command, with options in between. */
static size_t arguments_before_command(const Line *line) {
    return line->verb && line->verb->kind == ARGUMENTS_EXEC;
}

static void pass_argument(Line *line, const char *word, size_t index) {
    if (!line->verb) {
        line->verb = verb_find(word);
        return;
    }
    if (line->n_arguments == arguments_before_command(line))
        line->command = index;
    if (verb_has_command(line->verb))
        line->options_ended = line->n_arguments >= arguments_before_command(line);
    line->n_arguments++;
}

static void pass_word(Line *line, const char *word, size_t index) {
    if (line->option) {
        if (strcmp(line->option->name, "socket") == 0)
            line->options.socket = word;
        line->option = NULL;
    } else if (!line->options_ended && strcmp(word, "--") == 0)
        line->options_ended = true;
    else if (!line->options_ended && *word == '-')
        line->option = wants_argument(find_option(line, word)) ? find_option(line, word) : NULL;
    else
        pass_argument(line, word, index);
}

/* --- candidates -------------------------------------------------------------------------------------------------- */

static void offer_verbs(const char *last) {
    FOREACH_VERB (verb)
        if (verb->summary)
            print_candidate(last, verb->name, verb->summary);
}

static void offer_options(const Line *line) {
    FOREACH_OPTION (option) {
        char name[64];

        snprintf(name, sizeof(name), "--%s", option->name);
        if (option_is_of(option, line->verb))
            print_candidate(line->last, name, option->summary);
    }
}

static void give_up(int signal) {
    _exit(EXIT_FAILURE);
}

static uint64_t patience_usec(void) {
    const char *text = getenv("SUPERVISORD_COMPLETION_TIMEOUT");
    uint64_t usec;
    return text && parse_usec(text, &usec) >= 0 && usec > 0 && usec <= PATIENCE_USEC_MAX ? usec : PATIENCE_USEC;
}

/* Whatever the daemon does or does not do, and where: this bounds all of it. */
static void bound_patience(uint64_t usec) {
    signal(SIGALRM, give_up);
    setitimer(ITIMER_REAL,
            &(struct itimerval){ .it_value = { .tv_sec = usec / USEC_PER_SEC, .tv_usec = usec % USEC_PER_SEC } }, NULL);
}

static void offer_names(const Line *line, bool workloads_only) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    _cleanup_(listing_done) Listing listing = { 0 };
    sd_bus_error error = SD_BUS_ERROR_NULL;

    uint64_t patience = patience_usec();
    bound_patience(patience);
    if (client_connect(line->options.socket, &bus) >= 0 && client_try(bus, patience, &error, &reply, "List", NULL) >= 0)
        listing_read(reply, &listing);
    sd_bus_error_free(&error);
    for (size_t i = 0; i < listing.n_entries; i++) {
        const Status *status = &listing.entries[i];

        if (!workloads_only || status_is_workload(status))
            print_candidate(line->last, status->name, status_is_workload(status) ? status->state : status->kind);
    }
}

/* The words that the key's value may begin with. */
static void offer_key_values(const char *last, int key, size_t key_length) {
    const char *word;

    for (unsigned i = 0; (word = key_word(key, i)); i++) {
        char candidate[256];

        snprintf(candidate, sizeof(candidate), "%.*s=%s", (int) key_length, last, word);
        print_candidate(last, candidate, key_expects(key));
    }
}

/* KEY=VALUE of a slice or workload. */
static void offer_settings(const Line *line) {
    size_t key_length = strcspn(line->last, "=");
    _cleanup_(cleanup_free) char *typed = strndup(line->last, key_length);
    int typed_key = typed && line->last[key_length] == '=' ? key_by_name(typed) : -1;

    if (typed_key >= 0)
        offer_key_values(line->last, typed_key, key_length);
    for (KeyId key = 0; typed_key < 0 && key < KEYS_COUNT; key++) {
        char candidate[256];

        snprintf(candidate, sizeof(candidate), "%s=", key_name(key));
        if (key_belongs(key, SECTION_WORKLOAD))
            print_candidate(line->last, candidate, key_expects(key));
    }
}

static void offer_properties(const Line *line) {
    const char *name;

    FOREACH_LIMIT (limit)
        print_candidate(line->last, limit->key, limit->help);
    FOREACH_METER (meter)
        print_candidate(line->last, meter->name, meter->help);
    for (size_t i = 0; (name = status_property_name(i)); i++)
        print_candidate(line->last, name, "status");
}

static void offer_signals(const Line *line) {
    for (int i = 1; i < NSIG; i++) {
        char name[32];

        snprintf(name, sizeof(name), "SIG%s", sigabbrev_np(i) ?: "");
        if (sigabbrev_np(i))
            print_candidate(line->last, name, sigdescr_np(i));
    }
}

static void offer_files(const Line *line) {
    puts(":files");
}

/* "[short|pretty|off]", of which prefix is what stands before the value. */
static void offer_choices(const Line *line, const char *prefix, const char *choices) {
    for (size_t length; *choices; choices += length) {
        char candidate[64];

        choices += strspn(choices, "[|]");
        length = strcspn(choices, "[|]");
        snprintf(candidate, sizeof(candidate), "%s%.*s", prefix, (int) length, choices);
        if (length > 0)
            print_candidate(line->last, candidate, "");
    }
}

/* What an option's argument is, by what --help calls it. Of others nobody can guess the value. */
static void offer_values(const Line *line) {
    static const struct {
        const char *argument;
        void (*offer)(const Line *line);
    } kinds[] = {
        { "PATH", offer_files },
        { "KEY", offer_properties },
        { "KEY=VALUE", offer_settings },
        { "SIGNAL", offer_signals },
    };
    const char *argument = line->option->argument;

    for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
        if (strcmp(kinds[i].argument, argument) == 0)
            kinds[i].offer(line);
    if (strchr(argument, '|'))
        offer_choices(line, "", argument);
}

/* --json=, whose value is part of the word. */
static bool offer_attached_values(const Line *line) {
    const char *equals = strchr(line->last, '=');
    _cleanup_(cleanup_free) char *name = equals ? strndup(line->last, (size_t) (equals - line->last)) : NULL;
    _cleanup_(cleanup_free) char *prefix = equals ? strndup(line->last, (size_t) (equals - line->last) + 1) : NULL;
    const Option *option = name ? find_option(line, name) : NULL;

    if (!option || !prefix || !option->argument)
        return false;
    offer_choices(line, prefix, strchr(option->argument, '|') ? option->argument : "");
    return true;
}

static void offer_arguments(const Line *line) {
    switch (line->verb->kind) {
    case ARGUMENTS_NONE:
        break;
    case ARGUMENTS_GROUPS:
    case ARGUMENTS_WORKLOADS:
    case ARGUMENTS_SUBTREES:
        offer_names(line, line->verb->kind == ARGUMENTS_WORKLOADS);
        break;
    case ARGUMENTS_SETTINGS:
        line->n_arguments == 0 ? offer_names(line, false) : offer_settings(line);
        break;
    case ARGUMENTS_EXEC:
        if (line->n_arguments == 0)
            offer_names(line, true);
        else
            printf(":command %zu\n", line->command);
        break;
    case ARGUMENTS_COMMAND:
        printf(":command %zu\n", line->command);
        break;
    case ARGUMENTS_FILES:
        offer_files(line);
        break;
    case ARGUMENTS_VERB:
        offer_verbs(line->last);
        break;
    }
}

static void offer(const Line *line) {
    if (line->option)
        offer_values(line);
    else if (!line->options_ended && *line->last == '-') {
        if (!offer_attached_values(line))
            offer_options(line);
    } else if (!line->verb)
        offer_verbs(line->last);
    else if (line->verb->n_max == ANY || line->n_arguments < (size_t) line->verb->n_max)
        offer_arguments(line);
}

int verb_complete(const Options *options, char **arguments) {
    Line line = { .last = "", .options = *options };
    size_t n = 0;

    for (; *arguments && arguments[1]; arguments++)
        pass_word(&line, *arguments, n++);
    if (*arguments)
        line.last = *arguments;
    if (line.n_arguments <= arguments_before_command(&line))
        line.command = n;
    offer(&line);
    return EXIT_SUCCESS;
}
