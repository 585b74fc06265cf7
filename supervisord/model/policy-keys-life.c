/* SPDX-License-Identifier: GPL-2.0-or-later */

/* When a workload starts, ends and starts again: systemd.service(5), systemd.kill(5). */

#include "model/policy-key.h"

#include <errno.h>

#include "base/parse.h"
#include "model/run.h"

static const char *restart_word(unsigned index) {
    return index < RESTART_POLICIES_COUNT ? restart_policy_name(index) : NULL;
}

static const char *state_word(unsigned index) {
    static const char *const words[] = { "stopped", "running" };

    return index < ELEMENTSOF(words) ? words[index] : NULL;
}

static int assign_state(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    const char *rest;
    unsigned index;

    int r = key_take_word(key, text, &index, &rest);
    if (r < 0)
        return r;
    if (rest)
        return -EINVAL;
    workload->life.running = index > 0;
    return 0;
}

const Key keys_life[] = {
    [KEY_RESTART - KEYS_LIFE] = {
        .name = "Restart",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_word,
        .fallback = "no",
        .expects = "no, on-failure or always",
        .offset = offsetof(Workload, life.restart),
        .word = restart_word,
    },
    [KEY_RESTART_DELAY - KEYS_LIFE] = {
        .name = "RestartSec",
        .sections = IN(SECTION_WORKLOAD),
        .inherited = true,
        .assign = key_assign_time,
        .fallback = "100ms",
        .expects = "a time from 1ms to 1min",
        .offset = offsetof(Workload, life.restart_usec),
        .minimum = USEC_PER_MSEC,
        .maximum = RESTART_USEC_MAX,
    },
    [KEY_START_TIMEOUT - KEYS_LIFE] = {
        .name = "TimeoutStartSec",
        .sections = IN(SECTION_WORKLOAD),
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
        .expects = "a time from 1ms to 1h",
        .offset = offsetof(Workload, life.stop_timeout_usec),
        .minimum = USEC_PER_MSEC,
        .maximum = USEC_PER_HOUR,
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

_Static_assert(RESTART_USEC_MAX == USEC_PER_MINUTE, "what RestartSec= expects says so");
