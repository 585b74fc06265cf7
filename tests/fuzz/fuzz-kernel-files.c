/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any text as what the kernel's files, and the marks on our directories, say. Workloads write some of it: names in
 * /proc, and, as root, marks below their own directory.
 */

#include "base/file.h"
#include "base/proc.h"
#include "fuzz.h"
#include "kernel/cgroup.h"
#include "model/knob.h"
#include "model/meter.h"
#include "model/past.h"

static void try_meters(const char *text) {
    uint64_t value;

    FOREACH_METER (meter) {
        if (meter->file)
            meter_parse(meter, text, &value);
    }
    flat_key_u64(text, "oom_kill", &value);
}

static void try_knob(const Knob *knob, const char *text, unsigned major, unsigned minor) {
    Setting setting = { .knob = knob->id, .device_major = major, .device_minor = minor };
    char buffer[4096], tighter[SETTING_TEXT_MAX];
    uint64_t amount;

    if (knob_canonical(knob, text, major, minor, setting.text, sizeof setting.text) < 0)
        return;
    DEMAND(strlen(setting.text) < sizeof setting.text);
    knob_amount(setting.text, &amount);
    knob_show(knob, setting.text, buffer, sizeof buffer);
    knob_file_text(&setting, buffer, sizeof buffer);
    DEMAND(strlen(buffer) < sizeof buffer);
    if (limits[knob->limit].reach == LIMIT_REACH_TIGHTEST && knob->unset)
        knob_tighter(knob, setting.text, knob->unset, tighter, sizeof tighter);
}

static void try_mark(const char *text) {
    CgroupMark mark, again;
    char written[CGROUP_MARK_TEXT_MAX];

    if (cgroup_mark_parse(text, &mark) < 0)
        return;
    DEMAND(name_is_valid(mark.name));
    DEMAND(cgroup_mark_format(&mark, written, sizeof written) == 0);
    DEMAND(cgroup_mark_parse(written, &again) == 0);
    DEMAND(strcmp(mark.name, again.name) == 0 && mark.slot == again.slot && mark.main_pid == again.main_pid);
}

static void try_past(const char *text) {
    Run run = {}, again = {};
    char written[PAST_TEXT_MAX];

    if (past_parse(text, &run) == 0) {
        past_format(&run, written);
        DEMAND(past_parse(written, &again) == 0);
        DEMAND(!run_is_alive(&run) && run.state == again.state && run.ended_usec == again.ended_usec);
    }
    run_done(&run);
    run_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_(cleanup_free) char *text = fuzz_text(data, size);
    Invocation invocation;
    uint64_t ticks;

    try_meters(text);
    FOREACH_KNOB (knob) {
        try_knob(knob, text, 0, 0);
        try_knob(knob, text, 8, 16);
    }
    try_mark(text);
    try_past(text);
    invocation_parse(text, &invocation);
    proc_stat_field(text, 22, &ticks);
    proc_cgroup_is_within(text, "/tree/web");
    return 0;
}
