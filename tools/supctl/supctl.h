/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the verbs of supctl share: options, exit statuses, and the verbs themselves, one function each. */

#include <stdbool.h>
#include <stdint.h>

enum { /* as systemctl has them; 0 and 1 are EXIT_SUCCESS and EXIT_FAILURE */
    EXIT_USAGE = 2,
    EXIT_NOT_RUNNING = 3,
    EXIT_NO_SUCH = 4,
};

typedef struct Options {
    const char *socket;
    bool no_legend;
    bool help, version;
    char **properties; /* show: keys; run: KEY=VALUE; owned */
    bool value;
    const char *name;
    bool no_wait;
    uint64_t interval_usec;
    uint64_t iterations; /* UINT64_MAX: until told to quit */
    bool batch;
} Options;

/* Each returns the exit status and has said on stderr what went wrong. arguments: what follows the verb, NULL-terminated. */
typedef int VerbFunction(const Options *options, char **arguments);

VerbFunction verb_status, verb_tree, verb_top, verb_show, verb_list, verb_plan, verb_reload, verb_start, verb_stop,
        verb_restart, verb_shutdown, verb_run, verb_check, verb_verify, verb_metrics, verb_version, verb_help;
