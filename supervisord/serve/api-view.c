/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What policy and ledger look like on the wire (serve/protocol.h): plain walks, no decisions. */

#include <limits.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "serve/api-view.h"
#include "serve/protocol.h"

static uint64_t clock_usec(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * USEC_PER_SEC + t.tv_nsec / NSEC_PER_USEC;
}

uint64_t view_realtime(uint64_t monotonic_usec) {
    return monotonic_usec ? clock_usec(CLOCK_REALTIME) - clock_usec(CLOCK_MONOTONIC) + monotonic_usec : 0;
}

static void command_line(const Group *group, char *buffer, size_t size) {
    *buffer = '\0';
    for (size_t i = 0, used = 0; group->workload && group->workload->exec.arguments[i] && used < size; i++)
        used += snprintf(buffer + used, size - used, "%s%s", i ? " " : "", group->workload->exec.arguments[i]);
}

static uint64_t run_since(const Run *run) {
    return run_is_alive(run) ? run->started_usec : run->ended_usec;
}

static const char *state_name(const Group *group, const Run *run) {
    bool lives = !group->workload || run->state == RUN_RUNNING;
    if (lives && group_frozen_by(group))
        return "frozen";
    return group->workload ? run_state_name(run->state) : "active";
}

static int append_status(sd_bus_message *reply, const Ledger *ledger, const Group *group) {
    static const Run fresh;
    const LedgerEntry *entry = ledger_find(ledger, group->name);
    const Run *run = entry ? &entry->run : &fresh;
    char command[512], last_exit[96] = "";
    command_line(group, command, sizeof command);
    if (run->last_exit.at_usec)
        exit_show(&run->last_exit, last_exit, sizeof last_exit);
    const char *degraded = entry ? ledger_entry_degraded(entry) : NULL;
    return sd_bus_message_append(reply, "(" CONTROL_STATUS_SIGNATURE ")", group->name, group_kind_name(group->kind),
            group->parent ? group->parent->name : "", state_name(group, run), (uint32_t) run->main_pid,
            view_realtime(run_since(run)), run->n_restarts, last_exit, degraded ?: "", command);
}

int view_list(sd_bus_message *reply, const Policy *policy, const Ledger *ledger, const char *tree) {
    int r = sd_bus_message_open_container(reply, 'a', "(" CONTROL_STATUS_SIGNATURE ")");
    for (size_t i = 0; r >= 0 && i < policy->n_groups; i++)
        r = append_status(reply, ledger, policy->groups[i]);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_sample(sd_bus_message *reply, const char *name, const Sample *sample) {
    int r = sd_bus_message_open_container(reply, 'r', "sa{sd}");
    if (r >= 0)
        r = sd_bus_message_append(reply, "s", name);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "{sd}");
    FOREACH_METER (meter)
        if (r >= 0 && sample_has(sample, meter->id))
            r = sd_bus_message_append(
                    reply, "{sd}", meter->name, meter_in_base_units(meter, sample->values[meter->id]));
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* All groups are read in one pass, so one time is that of all. */
static uint64_t newest_sample_usec(const Ledger *ledger) {
    uint64_t newest_usec = 0;
    size_t cursor = 0;
    for (const LedgerEntry *entry; (entry = ledger_next(ledger, &cursor));) {
        const Sample *sample = ledger_entry_sample(entry);
        if (sample && sample->at_usec > newest_usec)
            newest_usec = sample->at_usec;
    }
    return newest_usec;
}

int view_samples(sd_bus_message *reply, const Policy *policy, const Ledger *ledger, const char *tree) {
    int r = sd_bus_message_append(reply, "t", newest_sample_usec(ledger));
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(sa{sd})");
    for (size_t i = 0; r >= 0 && i < policy->n_groups; i++) {
        const LedgerEntry *entry = ledger_find(ledger, policy->groups[i]->name);
        const Sample *sample = entry ? ledger_entry_sample(entry) : NULL;
        if (sample)
            r = append_sample(reply, entry->name, sample);
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

int view_version(sd_bus_message *reply, const Policy *policy, const Ledger *ledger, const char *tree) {
    return sd_bus_message_append(reply, "s", PROJECT_VERSION);
}

int view_journal(sd_bus_message *reply, const Ledger *ledger, uint64_t after) {
    uint64_t last = ledger_last_action(ledger), oldest = last > LEDGER_ACTIONS ? last - LEDGER_ACTIONS : 0;
    int r = sd_bus_message_append(reply, "tt", last, oldest > after ? oldest - after : 0);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(tss)");
    for (uint64_t i = 0; r >= 0 && i + after < last && i + oldest < last; i++) {
        const LedgerAction *action = ledger_action(ledger, i);
        r = sd_bus_message_append(reply, "(tss)", view_realtime(action->at_usec), action->object, action->text);
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_limits(sd_bus_message *reply, const Group *group) {
    static const struct {
        LimitId id;
        double per_base_unit;
    } shown[] = { { LIMIT_CPU_QUOTA, CPU_QUOTA_PER_CPU }, { LIMIT_MEMORY_MAX, 1 }, { LIMIT_TASKS_MAX, 1 },
        { LIMIT_NETWORK_EGRESS_MAX, 1 } };
    int r = sd_bus_message_append(reply, "s", group->name);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "{sd}");
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(shown); i++) {
        const LimitValue *value = &group->limits[shown[i].id];
        if (value->is_set && value->amount != AMOUNT_INFINITY)
            r = sd_bus_message_append(
                    reply, "{sd}", limits[shown[i].id].key, (double) value->amount / shown[i].per_base_unit);
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

int view_limits(sd_bus_message *reply, const Policy *policy, const Ledger *ledger, const char *tree) {
    int r = sd_bus_message_open_container(reply, 'a', "(sa{sd})");
    for (size_t i = 0; r >= 0 && i < policy->n_groups; i++) {
        r = sd_bus_message_open_container(reply, 'r', "sa{sd}");
        if (r >= 0)
            r = append_limits(reply, policy->groups[i]);
        if (r >= 0)
            r = sd_bus_message_close_container(reply);
    }
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void output_words(const Output *output, char *buffer, size_t size) {
    snprintf(buffer, size, "%s%s%s", output_kind_name(output->kind), output->path ? ":" : "", output->path ?: "");
}

static int append_outputs(sd_bus_message *reply, const Group *group, const char *tree) {
    const Exec *exec = &group->workload->exec;
    char path[PATH_MAX], directory[2 * PATH_MAX], output[PATH_MAX + 16], error[PATH_MAX + 16];
    int r = group_path(group, path, sizeof path);
    output_words(&exec->output, output, sizeof output);
    output_words(exec->error.kind == OUTPUT_INHERIT ? &exec->output : &exec->error, error, sizeof error);
    if (r < 0)
        return r;
    snprintf(directory, sizeof directory, "%s/%s", tree, path);
    return sd_bus_message_append(reply, "(ssss)", group->name, directory, output, error);
}

int view_outputs(sd_bus_message *reply, const Policy *policy, const Ledger *ledger, const char *tree) {
    int r = sd_bus_message_open_container(reply, 'a', "(ssss)");
    for (size_t i = 0; r >= 0 && i < policy->n_groups; i++)
        if (policy->groups[i]->workload)
            r = append_outputs(reply, policy->groups[i], tree);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* With what the group is entitled to now, which is no meter: the exporter has it as a counter. */
static int append_meters(sd_bus_message *reply, const LedgerEntry *entry) {
    static const char *const units[] = { [METER_UNIT_NSEC] = "s", [METER_UNIT_BYTES] = "B", [METER_UNIT_COUNT] = "" };
    const Sample *sample = entry ? ledger_entry_sample(entry) : NULL;
    int r = sd_bus_message_open_container(reply, 'a', "(ssds)");
    if (r >= 0 && sample && sample_has(sample, METER_CPU_ENTITLED))
        r = sd_bus_message_append(
                reply, "(ssds)", "cpu", CONTROL_ENTITLEMENT, (double) entry->entitled / USEC_PER_SEC, "");
    FOREACH_METER (meter)
        if (r >= 0 && sample && sample_has(sample, meter->id))
            r = sd_bus_message_append(reply, "(ssds)", meter->group, meter->name,
                    meter_in_base_units(meter, sample->values[meter->id]), units[meter->unit]);
    return r < 0 ? r : sd_bus_message_close_container(reply);
}

int view_show(sd_bus_message *reply, const Ledger *ledger, const Group *group, const ApiLimitRow *rows, size_t n) {
    const LedgerEntry *entry = ledger_find(ledger, group->name);
    int r = append_status(reply, ledger, group);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(sssst)");
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = sd_bus_message_append(
                reply, "(sssst)", rows[i].key, rows[i].set, rows[i].written, rows[i].effective, rows[i].bitten);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    return r < 0 ? r : append_meters(reply, entry);
}
