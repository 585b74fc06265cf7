/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Plans as things: their life, and steps in words. One step is one line, and the same step is always the same line. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "model/plan.h"

static void step_done(Step *step) {
    free(step->object);
    free(step->path);
    filter_rules_done(&step->rules);
    free(step->from);
    free(step->table);
    free(step->words);
    free(step->message);
}

Plan *plan_free(Plan *plan) {
    if (!plan)
        return NULL;
    for (size_t i = 0; i < plan->n_steps; i++)
        step_done(plan->steps + i);
    free(plan->steps);
    free(plan->outdated);
    free(plan->retries);
    policy_unref(plan->policy);
    free(plan);
    return NULL;
}

static const char *quoted(const char *text) {
    return *text ? text : "\"\"";
}

static const char *object_of(const Step *step) {
    return *step->object ? step->object : "the tree";
}

static void format_controllers(const Step *step, char *buffer, size_t size) {
    char mask[64];

    snprintf(buffer, size, "enable %s in %s", controller_mask_format(step->controllers, mask, sizeof mask),
            object_of(step));
}

static void format_freezer(const Step *step, char *buffer, size_t size) {
    snprintf(buffer, size, "%s the freezer", step->kind == STEP_FREEZER_START ? "start" : "stop");
}

static void format_share(const Step *step, char *buffer, size_t size) {
    snprintf(buffer, size, "share of the tree %s=%s", limits[knobs[step->setting.knob].limit].key, step->setting.text);
}

static void format_firewall(const Step *step, char *buffer, size_t size) {
    snprintf(buffer, size, "%s firewall%s%s%s", step->table ? "set" : "remove", step->table ? ": " : "",
            step->table ? step->words : "", strcmp(step->from, "other") == 0 ? " (was changed)" : "");
}

static void format_network(const Step *step, char *buffer, size_t size) {
    size_t length = snprintf(buffer, size, "create network %s: bridge %s", step->object, step->network->bridge);
    for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT && length < size; family++) {
        const Subnet *subnet = step->network->subnets + family;
        char text[ADDRESS_TEXT_MAX];
        if (address_is_set(&subnet->gateway))
            length += snprintf(buffer + length, size - length, ", %s", subnet_format(subnet, text, sizeof text));
    }
    if (length < size && step->network->mtu_bytes != NETWORK_MTU_BYTES_DEFAULT)
        snprintf(buffer + length, size - length, ", MTU %" PRIu64, step->network->mtu_bytes);
}

static void format_network_removal(const Step *step, char *buffer, size_t size) {
    snprintf(buffer, size, "remove network %s: bridge %s", object_of(step), step->from);
}

static void format_group(const Step *step, char *buffer, size_t size) {
    snprintf(buffer, size, "%s %s %s at %s", step->kind == STEP_GROUP_CREATE ? "create" : "remove",
            group_kind_name(step->group_kind), object_of(step), step->path);
}

static void format_setting(const Step *step, char *buffer, size_t size) {
    const Setting *setting = &step->setting;
    const Knob *knob = knobs + setting->knob;
    char device[32] = "";

    if (knob_kind(knob) == LIMIT_KIND_DEVICES && !setting->device_major && !setting->device_minor)
        strcpy(device, " ?");
    else if (knob_kind(knob) == LIMIT_KIND_DEVICES)
        snprintf(device, sizeof device, " %u:%u", setting->device_major, setting->device_minor);
    snprintf(buffer, size, "set %s %s%s%s%s %s (was %s)", step->object, knob->file, device, knob->entry ? " " : "",
            knob->entry ? knob->entry : "", quoted(setting->text), step->from ? quoted(step->from) : "absent");
}

static void format_filter(const Step *step, char *buffer, size_t size) {
    snprintf(buffer, size, "filter %s of %s: %s (was %s)", filter_name(step->rules.filter), object_of(step),
            *step->rules.text ? step->rules.text : "none", *step->from ? step->from : "none");
}

static void format_freeze(const Step *step, char *buffer, size_t size) {
    snprintf(buffer, size, "%s %s", step->frozen ? "freeze" : "thaw", object_of(step));
}

static void format_spawn(const Step *step, char *buffer, size_t size) {
    snprintf(buffer, size, "spawn %s as start %u: %s", object_of(step), step->leaf,
            step->group->workload->exec.arguments[0]);
}

static void format_exec(const Step *step, char *buffer, size_t size) {
    snprintf(buffer, size, "run session x%08x in %s: %s", step->session, object_of(step),
            step->command->exec.arguments[0]);
}

static void format_stop(const Step *step, char *buffer, size_t size) {
    snprintf(buffer, size, "stop start %u of %s", step->leaf, object_of(step));
}

static void format_leaf(const Step *step, char *buffer, size_t size) {
    if (step->session)
        snprintf(buffer, size, "remove session x%08x of %s", step->session, object_of(step));
    else
        snprintf(buffer, size, "remove ended start %u of %s", step->leaf, object_of(step));
}

const char *step_format(const Step *step, char *buffer, size_t size) {
    static void (*const formats[STEP_KINDS_COUNT])(const Step *, char *, size_t) = {
        [STEP_CONTROLLERS_ENABLE] = format_controllers,
        [STEP_FREEZER_START] = format_freezer,
        [STEP_FREEZER_STOP] = format_freezer,
        [STEP_TREE_SHARE] = format_share,
        [STEP_FIREWALL_SET] = format_firewall,
        [STEP_NETWORK_CREATE] = format_network,
        [STEP_NETWORK_REMOVE] = format_network_removal,
        [STEP_GROUP_CREATE] = format_group,
        [STEP_GROUP_REMOVE] = format_group,
        [STEP_LIMIT_SET] = format_setting,
        [STEP_FILTER_SET] = format_filter,
        [STEP_FREEZE] = format_freeze,
        [STEP_SPAWN] = format_spawn,
        [STEP_EXEC] = format_exec,
        [STEP_STOP] = format_stop,
        [STEP_LEAF_REMOVE] = format_leaf,
    };

    formats[step->kind](step, buffer, size);
    return buffer;
}

const char *step_why(const Step *step) {
    return step->message ?: strerror(-step->result);
}

const char *step_report(const Step *step, char *buffer, size_t size) {
    size_t length = strlen(step_format(step, buffer, size));

    if (step->result == -ECANCELED)
        snprintf(buffer + length, size - length, ": left out");
    else if (step->result < 0 && step->result != -EINPROGRESS)
        snprintf(buffer + length, size - length, ": failed: %s", step_why(step));
    return buffer;
}

const char *outdated_format(const Group *workload, char *buffer, size_t size) {
    snprintf(buffer, size, "%s runs with what the policy said at its start: `supctl restart %s` takes what it says now",
            workload->name, workload->name);
    return buffer;
}

/* Nobody reads faster than it passes: whole seconds, and milliseconds below. */
const char *retry_format(const Retry *retry, char *buffer, size_t size) {
    uint64_t unit_usec = retry->in_usec < USEC_PER_SEC ? USEC_PER_SEC / 1000 : USEC_PER_SEC;
    char in[AMOUNT_TEXT_MAX];

    format_usec((retry->in_usec + unit_usec - 1) / unit_usec * unit_usec, in, sizeof in);
    snprintf(buffer, size, "%s is in back-off and is started again in %s", retry->workload->name, in);
    return buffer;
}
