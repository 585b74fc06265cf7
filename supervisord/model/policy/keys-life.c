/* SPDX-License-Identifier: GPL-2.0-or-later */

/* When a workload starts, ends and starts again: systemd.service(5), systemd.kill(5). */

#include "model/policy/key.h"

#include <errno.h>

#include "base/parse.h"
#include "base/signal-name.h"
#include "model/words.h"

static const char *restart_word(unsigned index) {
    return index < RESTART_POLICIES_COUNT ? restart_policy_name(index) : NULL;
}

static const char *kill_mode_word(unsigned index) {
    return index < KILL_MODES_COUNT ? kill_mode_name(index) : NULL;
}

static const char *collect_mode_word(unsigned index) {
    return index < COLLECT_MODES_COUNT ? collect_mode_name(index) : NULL;
}

static const char *state_word(unsigned index) {
    static const char *const words[] = { "stopped", "running" };

    return index < ELEMENTSOF(words) ? words[index] : NULL;
}

static int assign_state(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    unsigned index;

    int r = key_take_sole_word(key, text, &index);
    if (r < 0)
        return r;
    workload->life.running = index > 0;
    return 0;
}

static int assign_signal(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;

    return parse_signal(text, &workload->life.ending.signal);
}

/* "75", "SIGKILL" */
static int exit_set_add(ExitSet *set, const char *word) {
    uint64_t code;
    int signal;

    if (parse_u64(word, &code) == 0) {
        if (code >= 256)
            return -ERANGE;
        set->codes[code / 64] |= UINT64_C(1) << code % 64;
        return 0;
    }
    int r = parse_signal(word, &signal);
    if (r == 0)
        set->signals |= UINT64_C(1) << (signal - 1);
    return r;
}

static int assign_exit_set(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    ExitSet *set = key_field(key, draft);
    char *word;
    int r;

    if (!*text)
        *set = (ExitSet){};
    while ((r = word_take(&text, &word, ret_problem)) > 0) {
        r = exit_set_add(set, word);
        free(word);
        if (r < 0)
            return r;
    }
    return r;
}

const Key keys_life[] = {
    [KEY_RESTART - KEYS_LIFE] = {
        .name = "Restart",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_word,
        .fallback = "no",
        .expects = "no, always, on-success, on-failure, on-abnormal or on-abort",
        .offset = offsetof(Workload, life.restart),
        .word = restart_word,
    },
    [KEY_RESTART_DELAY - KEYS_LIFE] = {
        .name = "RestartSec",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_time,
        .fallback = "100ms",
        .expects = "a time, or infinity",
        .offset = offsetof(Workload, life.restart_usec),
        .maximum = AMOUNT_INFINITY,
    },
    [KEY_START_TIMEOUT - KEYS_LIFE] = {
        .name = "TimeoutStartSec",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_time,
        .fallback = "1min 30s",
        .expects = "a time from 1ms on, or infinity",
        .offset = offsetof(Workload, life.start_timeout_usec),
        .minimum = USEC_PER_MSEC,
        .maximum = AMOUNT_INFINITY,
    },
    [KEY_STOP_TIMEOUT - KEYS_LIFE] = {
        .name = "TimeoutStopSec",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_time,
        .fallback = "10s",
        .expects = "a time from 1ms on, or infinity",
        .offset = offsetof(Workload, life.ending.timeout_usec),
        .minimum = USEC_PER_MSEC,
        .maximum = AMOUNT_INFINITY,
    },
    [KEY_KILL_MODE - KEYS_LIFE] = {
        .name = "KillMode",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_word,
        .fallback = "control-group",
        .expects = "control-group or mixed",
        .offset = offsetof(Workload, life.ending.mode),
        .word = kill_mode_word,
    },
    [KEY_KILL_SIGNAL - KEYS_LIFE] = {
        .name = "KillSignal",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = assign_signal,
        .fallback = "SIGTERM",
        .expects = "the name or number of a signal",
    },
    [KEY_SEND_SIGKILL - KEYS_LIFE] = {
        .name = "SendSIGKILL",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_bool,
        .fallback = "yes",
        .expects = "yes or no",
        .offset = offsetof(Workload, life.ending.send_sigkill),
    },
    [KEY_SUCCESS_EXIT_STATUS - KEYS_LIFE] = {
        .name = "SuccessExitStatus",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .list = true,
        .assign = assign_exit_set,
        .expects = "exit codes up to 255 and names of signals",
        .offset = offsetof(Workload, life.success),
    },
    [KEY_RESTART_PREVENT_EXIT_STATUS - KEYS_LIFE] = {
        .name = "RestartPreventExitStatus",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .list = true,
        .assign = assign_exit_set,
        .expects = "exit codes up to 255 and names of signals",
        .offset = offsetof(Workload, life.restart_prevent),
    },
    [KEY_START_LIMIT_INTERVAL - KEYS_LIFE] = {
        .name = "StartLimitIntervalSec",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_time,
        .fallback = "0",
        .expects = "a time, or 0 for no limit",
        .offset = offsetof(Workload, life.start_limit_interval_usec),
        .maximum = AMOUNT_INFINITY,
    },
    [KEY_START_LIMIT_BURST - KEYS_LIFE] = {
        .name = "StartLimitBurst",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_number,
        .fallback = "5",
        .expects = "a number from 1 to 1000000",
        .offset = offsetof(Workload, life.start_limit_burst),
        .minimum = 1,
        .maximum = 1000000,
    },
    [KEY_COLLECT_MODE - KEYS_LIFE] = {
        .name = "CollectMode",
        .sections = IN(SECTION_WORKLOAD),
        .assign = key_assign_word,
        .fallback = "inactive",
        .expects = "inactive or inactive-or-failed",
        .offset = offsetof(Workload, life.collect),
        .word = collect_mode_word,
    },
    [KEY_STATE - KEYS_LIFE] = {
        .name = "State",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_state,
        .fallback = "running",
        .expects = "running or stopped",
        .word = state_word,
    },
};
