/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From the kernel's counters to the ledger, when somebody asks and for some ticks after that; from there to Prometheus'
 * text. Nothing ticks when nobody looks: what has to be counted, the kernel counts.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "kernel/device.h"
#include "model/account.h"
#include "serve/metrics.h"
#include "supervisor.h"

enum {
    SAMPLE_FRESH_USEC =
            50 * 1000, /* asking more often gets the same sample: it costs no more than 20 passes a second */
    TICK_ACCURACY_USEC = 1000,
    TICKS_UNASKED_MAX = 10, /* so many in a row without a question, and nobody looks any more */
};

static void on_sample(const char *name, const Sample *sample, void *userdata) {
    Supervisor *s = userdata;
    const Group *group = policy_group(s->policy, name);
    LedgerEntry *entry;
    if (ledger_entry(s->ledger, name, group ? group->kind : GROUP_WORKLOAD, &entry) == 0)
        ledger_entry_set_sample(entry, sample);
}

void supervisor_read_meters(Supervisor *s, uint64_t now) {
    if (s->sampled_usec && now < s->sampled_usec + SAMPLE_FRESH_USEC)
        return;
    s->sampled_usec = now;
    int r = sampler_read(s->sampler, now, on_sample, s);
    if (r < 0)
        log_warning("cannot read all meters: %s", strerror(-r));
    supervisor_account(s, now);
}

/* --- ticks ------------------------------------------------------------------------------------------------------- */

/* The one place that decides whether the daemon wakes up by itself. What is to be looked after regularly says so here. */
static bool has_reason_to_tick(const Supervisor *s, uint64_t now) {
    bool is_asked = (now - s->asked_usec) / s->policy->settings.sample_interval_usec < TICKS_UNASKED_MAX;
    return is_asked || supervisor_account_is_due(s);
}

/* The bucket of bpf/slot.h that a time falls into. */
static unsigned bucket_of(uint64_t nsec) {
    unsigned bucket = 0;
    while (bucket + 1 < HISTOGRAM_BUCKETS && nsec >= (uint64_t) HISTOGRAM_UNIT_NSEC << bucket)
        bucket++;
    return bucket;
}

static void tick_in(Supervisor *s, uint64_t usec);

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
    Supervisor *s = userdata;
    uint64_t now = supervisor_now(), late_nsec = now > usec ? (now - usec) * NSEC_PER_USEC : 0;
    s->lateness[bucket_of(late_nsec)]++;
    s->lateness_nsec += late_nsec;
    supervisor_read_meters(s, now);
    s->is_ticking = has_reason_to_tick(s, now);
    if (s->is_ticking)
        tick_in(s, s->policy->settings.sample_interval_usec);
    else
        supervisor_rest(s);
    return 0;
}

static void tick_in(Supervisor *s, uint64_t usec) {
    if (s->tick_source) {
        sd_event_source_set_time_relative(s->tick_source, usec);
        sd_event_source_set_enabled(s->tick_source, SD_EVENT_ONESHOT);
    } else if (sd_event_add_time_relative(
                       s->event, &s->tick_source, CLOCK_MONOTONIC, usec, TICK_ACCURACY_USEC, on_tick, s) >= 0)
        sd_event_source_set_description(s->tick_source, "tick");
}

void supervisor_wake(Supervisor *s) {
    supervisor_read_meters(s, supervisor_now());
    if (s->is_ticking)
        return;
    s->is_ticking = true;
    supervisor_account_wake(s);
    tick_in(s, s->policy->settings.sample_interval_usec);
}

void supervisor_sample(Supervisor *s) {
    s->asked_usec = supervisor_now();
    supervisor_wake(s);
}

void supervisor_end_window(Supervisor *s, const Policy *next) {
    if (!account_goes_on(s->policy, next))
        supervisor_read_meters(s, supervisor_now());
}

void supervisor_rest(Supervisor *s) {
    uint64_t rest_usec = s->is_ticking ? 0 : supervisor_account_rest(s);
    if (rest_usec > 0)
        tick_in(s, rest_usec);
}

/* --- the snapshot ------------------------------------------------------------------------------------------------ */

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
    const Sample *sample = entry ? ledger_entry_sample(entry) : NULL;
    return sample && sample_has(sample, METER_CPU_WAIT) ? sample->values[METER_CPU_WAIT] : 0;
}

/* What has labels beside the group's. Points into the sampler: good until it reads again. */
typedef struct Details {
    MetricsHistogram *histograms;
    MetricsDevice *devices;
    MetricsDenials *denials;
    size_t n_histograms, n_devices, n_denials;
} Details;

static void details_done(Details *details) {
    free(details->histograms);
    free(details->devices);
    free(details->denials);
}

static uint64_t block_nsec(const SampleDetail *detail) {
    struct block_counts sum = sample_detail_block(detail);
    uint64_t nsec = 0;
    for (size_t i = 0; i < BLOCK_DIRECTIONS; i++)
        nsec += sum.io[i].nsec;
    return nsec;
}

static void add_histograms(const Supervisor *s, const Group *group, const SampleDetail *detail, Details *details) {
    MetricsHistogram *next = details->histograms + details->n_histograms;
    if (detail->has_waits)
        *next++ = (MetricsHistogram){ METRICS_HISTOGRAM_WAIT, group, detail->waits, waited_nsec(s, group->name) };
    if (detail->has_blocks)
        *next++ = (MetricsHistogram){ METRICS_HISTOGRAM_BLOCK, group, detail->blocks, block_nsec(detail) };
    details->n_histograms = next - details->histograms;
}

static void add_devices(const Group *group, const SampleDetail *detail, Details *details) {
    for (size_t i = 0; i < detail->n_devices; i++) {
        MetricsDevice *device = details->devices + details->n_devices++;
        *device = (MetricsDevice){ .group = group, .io = detail->devices[i].io };
        device_name(
                major(detail->devices[i].device), minor(detail->devices[i].device), device->name, sizeof device->name);
    }
    if (detail->n_devices == SAMPLE_DEVICES_MAX)
        details->devices[details->n_devices++] =
                (MetricsDevice){ .group = group, .name = "other", .io = detail->other };
}

static void add_denials(const Supervisor *s, const Group *group, Details *details) {
    struct filter_denials denials;
    for (int filter = 0; filter < FILTERS_COUNT; filter++)
        if (group_is_filtered(group, (FilterId) filter) && sampler_denials(s->sampler, group->name, &denials) == 0)
            details->denials[details->n_denials++] =
                    (MetricsDenials){ group, (FilterId) filter, denials.count[filter] };
}

static int list_details(const Supervisor *s, Details *ret) {
    const Policy *policy = s->policy;
    size_t n_asking = 0;
    for (size_t i = 0; i < policy->n_groups; i++)
        n_asking += policy_metrics_of(policy, policy->groups[i]) >> METER_SET_DEVICES & 1;
    ret->histograms = calloc(policy->n_groups * METRICS_HISTOGRAM_KINDS_COUNT + 1, sizeof *ret->histograms);
    ret->devices = calloc(n_asking * (SAMPLE_DEVICES_MAX + 1) + 1, sizeof *ret->devices);
    ret->denials = calloc(policy->n_groups * FILTERS_COUNT + 1, sizeof *ret->denials);
    if (!ret->histograms || !ret->devices || !ret->denials)
        return -ENOMEM;

    for (size_t i = 0; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i];
        const SampleDetail *detail = sampler_detail(s->sampler, group->name);
        unsigned sets = policy_metrics_of(policy, group);
        if (detail && sets & 1u << METER_SET_HISTOGRAMS)
            add_histograms(s, group, detail, ret);
        if (detail && sets & 1u << METER_SET_DEVICES)
            add_devices(group, detail, ret);
        if (sets & 1u << METER_SET_CORE)
            add_denials(s, group, ret);
    }
    return 0;
}

static uint64_t resident_bytes(const Supervisor *s) {
    char text[128];
    uint64_t pages = 0;
    if (file_read_at(AT_FDCWD, "/proc/self/statm", text, sizeof text) < 0 || sscanf(text, "%*u %" SCNu64, &pages) != 1)
        return 0;
    return pages * s->facts.scale.page_bytes;
}

static uint64_t clock_nsec(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * USEC_PER_SEC * NSEC_PER_USEC + t.tv_nsec;
}

static MetricsCost own_cost(const Supervisor *s) {
    uint64_t lost;
    struct stat fds;
    return (MetricsCost){
        .cpu_nsec = clock_nsec(CLOCK_PROCESS_CPUTIME_ID),
        .resident_bytes = resident_bytes(s),
        .open_files = stat("/proc/self/fd", &fds) == 0 ? fds.st_size : 0, /* since 6.2; before, 0 */
        .map_bytes = s->programs ? programs_map_bytes(s->programs) : 0,
        .exits_lost = s->programs && programs_exits_lost(s->programs, &lost) == 0 ? lost : COUNTER_ABSENT,
        .scrape_nsec = s->scrape_nsec,
        .lateness = s->lateness,
        .lateness_nsec = s->lateness_nsec,
    };
}

static int64_t realtime_offset_usec(uint64_t now_usec) {
    struct timespec realtime;
    clock_gettime(CLOCK_REALTIME, &realtime);
    return (int64_t) (realtime.tv_sec * USEC_PER_SEC + realtime.tv_nsec / NSEC_PER_USEC) - (int64_t) now_usec;
}

int supervisor_snapshot(Supervisor *s, ExpositionFormat format, char **ret_text, size_t *ret_size) {
    uint64_t began_nsec = clock_nsec(CLOCK_MONOTONIC);
    ProgramState states[PROGRAM_STATES_MAX];
    MetricsProgram programs[PROGRAM_STATES_MAX];
    _cleanup_(details_done) Details details = {};
    supervisor_sample(s);
    int r = list_details(s, &details);
    if (r < 0)
        return r;
    uint64_t now = supervisor_now();
    MetricsSource source = {
        .version = PROJECT_VERSION,
        .policy = s->policy,
        .ledger = s->ledger,
        .drift_counts = supervisor_drift_counts(s),
        .programs = programs,
        .n_programs = list_programs(s, states, programs),
        .histograms = details.histograms,
        .n_histograms = details.n_histograms,
        .devices = details.devices,
        .n_devices = details.n_devices,
        .denials = details.denials,
        .n_denials = details.n_denials,
        .share_residual_usec = supervisor_account_residual(s),
        .cost = own_cost(s),
        .started_usec = s->started_usec,
        .now_usec = now,
        .realtime_offset_usec = realtime_offset_usec(now),
        .last_reload_ok = s->last_reload.ok,
        .last_reload_usec = s->last_reload.success_usec,
    };
    r = metrics_text(&source, format, ret_text, ret_size);
    s->scrape_nsec = clock_nsec(CLOCK_MONOTONIC) - began_nsec;
    return r;
}
