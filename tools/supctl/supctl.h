/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the verbs of supctl share: options, exit statuses, and the verbs themselves, one function each. */

#include <stdbool.h>
#include <stdint.h>

#include "tools/supctl/json.h"

enum { /* as systemctl has them; 0 and 1 are EXIT_SUCCESS and EXIT_FAILURE */
    EXIT_USAGE = 2,
    EXIT_NOT_RUNNING = 3,
    EXIT_NO_SUCH = 4,
    EXIT_NOT_FOUND = 127, /* the shell's: no such command */
    EXIT_LOST = 255,      /* ssh's: what runs may go on, and who would tell how it ends is gone */
};

typedef struct Options {
    const char *socket;
    bool no_legend, plain, quiet;
    bool help, version;
    JsonStyle json;
    char **properties; /* show: keys; run: KEY=VALUE; owned */
    bool value;
    const char *name;
    bool no_wait, collect;
    const char *signal, *kill_whom;
    bool runtime;
    char **changes; /* plan: NAME.KEY=VALUE; owned */
    bool no_block;
    bool pty;
    char **environment; /* NAME=VALUE; owned */
    const char *directory, *user;
    uint64_t interval_usec;
    uint64_t iterations; /* UINT64_MAX: until told to quit */
    bool batch, flat;
    const char *sort; /* NULL: as in the policy */
    bool follow;
    uint64_t lines;                  /* UINT64_MAX: as many as there are */
    uint64_t since_usec, until_usec; /* CLOCK_REALTIME; 0, UINT64_MAX: no bound */
} Options;

/* Each returns the exit status and has said on stderr what went wrong. arguments: what follows the verb, NULL-terminated. */
typedef int VerbFunction(const Options *options, char **arguments);

VerbFunction verb_status, verb_tree, verb_top, verb_show, verb_list, verb_plan, verb_reload, verb_start, verb_stop,
        verb_restart, verb_shutdown, verb_kill, verb_freeze, verb_thaw, verb_wait, verb_set, verb_exec, verb_events,
        verb_is_active, verb_is_failed, verb_run, verb_check, verb_verify, verb_metrics, verb_version, verb_help,
        verb_complete, verb_logs, verb_cat, verb_rm, verb_diff;

/* `plan --what-if`: what slices and workloads would be entitled to. The exit status. */
int what_if(const Options *options);

/* What a verb's arguments are: says which patterns of names stand for, and what completes them. */
typedef enum ArgumentKind {
    ARGUMENTS_NONE,
    ARGUMENTS_GROUPS,    /* slices and workloads; may be patterns */
    ARGUMENTS_WORKLOADS, /* likewise */
    ARGUMENTS_SUBTREES,  /* likewise; a slice stands for the workloads below it */
    ARGUMENTS_SETTINGS,  /* a slice or workload, then KEY=VALUE */
    ARGUMENTS_EXEC,      /* a workload, options, and a command */
    ARGUMENTS_COMMAND,   /* options end at the first: what follows is somebody else's */
    ARGUMENTS_FILES,
    ARGUMENTS_VERB,
} ArgumentKind;

enum { ANY = -1 };

typedef struct Verb {
    const char *name;
    const char *arguments; /* for the usage line */
    int n_min, n_max;      /* ANY: no upper bound */
    ArgumentKind kind;
    VerbFunction *run;
    const char *summary; /* NULL: hidden, for our own scripts */
    const char *example;
} Verb;

/* All verbs; ends with one that has no name. */
extern const Verb verbs[];

#define FOREACH_VERB(verb) for (const Verb *verb = verbs; verb->name; verb++)

const Verb *verb_find(const char *name); /* NULL: there is none */

static inline bool verb_has_command(const Verb *verb) {
    return verb->kind == ARGUMENTS_COMMAND || verb->kind == ARGUMENTS_EXEC;
}
