/* SPDX-License-Identifier: GPL-2.0-or-later */

/* From the kernel's counters to the ledger, at the sampling interval or when somebody asks; from there to Prometheus' text. */

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/parse.h"
#include "serve/metrics.h"
#include "supervisor.h"

enum {
    SAMPLE_FRESH_USEC =
            50 * 1000, /* asking more often gets the same sample: it costs no more than 20 passes a second */
};

static void on_sample(const char *name, const Sample *sample, void *userdata) {
    Supervisor *s = userdata;
    const Group *group = policy_group(s->policy, name);
    LedgerEntry *entry;
    if (ledger_entry(s->ledger, name, group ? group->kind : GROUP_WORKLOAD, &entry) == 0)
        ledger_entry_add_sample(entry, sample);
}

void supervisor_sample(Supervisor *s) {
    uint64_t now = supervisor_now();
    if (s->sampled_usec && now < s->sampled_usec + SAMPLE_FRESH_USEC)
        return;
    s->sampled_usec = now;
    int r = sampler_read(s->sampler, now, on_sample, s);
    if (r < 0)
        log_warning("cannot read all meters: %s", strerror(-r));
}

static int on_sample_timer(sd_event_source *source, uint64_t usec, void *userdata) {
    Supervisor *s = userdata;
    supervisor_sample(s);
    int r = sd_event_source_set_time_relative(source, s->policy->settings.sample_interval_usec);
    return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int supervisor_sample_regularly(Supervisor *s) {
    int r = sd_event_add_time_relative(s->event, &s->sample_source, CLOCK_MONOTONIC, 0, 0, on_sample_timer, s);
    return r < 0 ? r : sd_event_source_set_description(s->sample_source, "sample");
}

static size_t list_programs(
        Supervisor *s, ProgramState states[static PROGRAM_STATES_MAX], MetricsProgram ret[static PROGRAM_STATES_MAX]) {
    size_t n = s->programs ? programs_states(s->programs, states, PROGRAM_STATES_MAX) : 0;
    if (n > PROGRAM_STATES_MAX)
        n = PROGRAM_STATES_MAX;
    for (size_t i = 0; i < n; i++)
        ret[i] = (MetricsProgram){ states[i].name, states[i].loaded, states[i].runs, states[i].run_nsec };
    return n;
}

static uint64_t waited_nsec(const Supervisor *s, const char *name) {
    const LedgerEntry *entry = ledger_find(s->ledger, name);
    const Sample *sample = entry ? ledger_entry_newest(entry) : NULL;
    return sample && sample_has(sample, METER_CPU_WAIT) ? sample->values[METER_CPU_WAIT] : 0;
}

/* Of slices only: a histogram has many series. */
static size_t list_histograms(const Supervisor *s, MetricsHistogram *ret) {
    size_t n = 0;
    for (size_t i = 0; i < s->policy->n_groups; i++) {
        const Group *group = s->policy->groups[i];
        const uint64_t *buckets = group->kind == GROUP_SLICE ? sampler_wait_histogram(s->sampler, group->name) : NULL;
        if (buckets)
            ret[n++] = (MetricsHistogram){
                .name = group->name,
                .parent = group->parent ? group->parent->name : NULL,
                .buckets = buckets,
                .n_buckets = HISTOGRAM_BUCKETS,
                .sum_nsec = waited_nsec(s, group->name),
            };
    }
    return n;
}

static int64_t realtime_offset_usec(uint64_t now_usec) {
    struct timespec realtime;
    clock_gettime(CLOCK_REALTIME, &realtime);
    return (int64_t) (realtime.tv_sec * USEC_PER_SEC + realtime.tv_nsec / NSEC_PER_USEC) - (int64_t) now_usec;
}

int supervisor_snapshot(Supervisor *s, ExpositionFormat format, int *ret_fd) {
    ProgramState states[PROGRAM_STATES_MAX];
    MetricsProgram programs[PROGRAM_STATES_MAX];
    _cleanup_(cleanup_free) MetricsHistogram *histograms = calloc(s->policy->n_groups + 1, sizeof *histograms);
    if (!histograms)
        return -ENOMEM;
    supervisor_sample(s);
    uint64_t now = supervisor_now();
    MetricsSource source = {
        .version = PROJECT_VERSION,
        .policy = s->policy,
        .ledger = s->ledger,
        .programs = programs,
        .n_programs = list_programs(s, states, programs),
        .wait_histograms = histograms,
        .n_wait_histograms = list_histograms(s, histograms),
        .started_usec = s->started_usec,
        .now_usec = now,
        .realtime_offset_usec = realtime_offset_usec(now),
        .last_reload_ok = s->last_reload.ok,
        .last_reload_usec = s->last_reload.success_usec,
    };
    return metrics_snapshot(&source, format, ret_fd);
}
