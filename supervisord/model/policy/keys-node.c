/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the whole node is told: [supervisord]. */

#include "model/policy/key.h"

#include "base/parse.h"

static const char *drift_word(unsigned index) {
    static const char *const words[] = { [DRIFT_REPORT] = "report", [DRIFT_REPAIR] = "repair" };

    return index < ELEMENTSOF(words) ? words[index] : NULL;
}

static const char *scheduler_word(unsigned index) {
    static const char *const words[] = {
        [SCHEDULER_AUTO] = "auto", [SCHEDULER_CONTROLLER] = "controller", [SCHEDULER_FREEZE] = "freeze"
    };

    return index < ELEMENTSOF(words) ? words[index] : NULL;
}

const Key keys_node[] = {
    [KEY_SAMPLE_INTERVAL - KEYS_NODE] = {
        .name = "SampleIntervalSec",
        .sections = IN(SECTION_SUPERVISORD),
        .assign = key_assign_time,
        .fallback = "1s",
        .expects = "a time from 100ms to 1h",
        .offset = offsetof(Settings, sample_interval_usec),
        .minimum = 100 * USEC_PER_MSEC,
        .maximum = USEC_PER_HOUR,
    },
    [KEY_WORKLOADS_MAX - KEYS_NODE] = {
        .name = "WorkloadsMax",
        .sections = IN(SECTION_SUPERVISORD),
        .assign = key_assign_number,
        .fallback = "1024",
        .expects = "a number from 1 to 4096",
        .offset = offsetof(Settings, workloads_max),
        .minimum = 1,
        .maximum = GROUPS_MAX,
    },
    [KEY_DRIFT - KEYS_NODE] = {
        .name = "Drift",
        .sections = IN(SECTION_SUPERVISORD),
        .assign = key_assign_word,
        .fallback = "report",
        .expects = "report or repair",
        .offset = offsetof(Settings, drift),
        .word = drift_word,
    },
    [KEY_DRIFT_INTERVAL - KEYS_NODE] = {
        .name = "DriftIntervalSec",
        .sections = IN(SECTION_SUPERVISORD),
        .assign = key_assign_time,
        .fallback = "1min",
        .expects = "a time from 100ms to 1h",
        .offset = offsetof(Settings, drift_interval_usec),
        .minimum = 100 * USEC_PER_MSEC,
        .maximum = USEC_PER_HOUR,
    },
    [KEY_SCHEDULER - KEYS_NODE] = {
        .name = "Scheduler",
        .sections = IN(SECTION_SUPERVISORD),
        .assign = key_assign_word,
        .fallback = "auto",
        .expects = "auto, controller or freeze",
        .offset = offsetof(Settings, scheduler),
        .word = scheduler_word,
    },
};

_Static_assert(GROUPS_MAX == 4096, "what WorkloadsMax= expects says so");
