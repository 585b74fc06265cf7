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

const char *step_format(const Step *step, char *buffer, size_t size) {
    char mask[64];
    const char *object = *step->object ? step->object : "the tree";
    switch (step->kind) {
    case STEP_CONTROLLERS_ENABLE:
        snprintf(buffer, size, "enable %s in %s", controller_mask_format(step->controllers, mask, sizeof mask), object);
        break;
    case STEP_FREEZER_START:
        snprintf(buffer, size, "start the freezer");
        break;
    case STEP_FREEZER_STOP:
        snprintf(buffer, size, "stop the freezer");
        break;
    case STEP_TREE_SHARE:
        snprintf(buffer, size, "share of the tree %s=%s", limits[knobs[step->setting.knob].limit].key,
                step->setting.text);
        break;
    case STEP_FIREWALL_SET:
        snprintf(buffer, size, "%s firewall%s%s%s", step->table ? "set" : "remove", step->table ? ": " : "",
                step->table ? step->words : "", strcmp(step->from, "other") == 0 ? " (was changed)" : "");
        break;
    case STEP_NETWORK_CREATE:
        format_network(step, buffer, size);
        break;
    case STEP_GROUP_CREATE:
        snprintf(buffer, size, "create %s %s at %s", group_kind_name(step->group_kind), object, step->path);
        break;
    case STEP_FREEZE:
        snprintf(buffer, size, "%s %s", step->frozen ? "freeze" : "thaw", object);
        break;
    case STEP_LIMIT_SET:
        format_setting(step, buffer, size);
        break;
    case STEP_FILTER_SET:
        snprintf(buffer, size, "filter %s of %s: %s (was %s)", filter_name(step->rules.filter), object,
                *step->rules.text ? step->rules.text : "none", *step->from ? step->from : "none");
        break;
    case STEP_SPAWN:
        snprintf(
                buffer, size, "spawn %s as start %u: %s", object, step->leaf, step->group->workload->exec.arguments[0]);
        break;
    case STEP_EXEC:
        snprintf(buffer, size, "run session x%08x in %s: %s", step->session, object, step->command->exec.arguments[0]);
        break;
    case STEP_STOP:
        snprintf(buffer, size, "stop start %u of %s", step->leaf, object);
        break;
    case STEP_LEAF_REMOVE:
        if (step->session)
            snprintf(buffer, size, "remove session x%08x of %s", step->session, object);
        else
            snprintf(buffer, size, "remove ended start %u of %s", step->leaf, object);
        break;
    case STEP_GROUP_REMOVE:
        snprintf(buffer, size, "remove %s %s at %s", group_kind_name(step->group_kind), object, step->path);
        break;
    case STEP_NETWORK_REMOVE:
        snprintf(buffer, size, "remove network %s: bridge %s", object, step->from);
        break;
    case STEP_KINDS_COUNT:
        break;
    }
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

void plan_print(const Plan *plan, FILE *file) {
    char line[STEP_TEXT_MAX];

    for (size_t i = 0; i < plan->n_steps; i++)
        fprintf(file, "%s\n", step_report(plan->steps + i, line, sizeof line));
    for (size_t i = 0; i < plan->n_outdated; i++)
        fprintf(file, "%s\n", outdated_format(plan->outdated[i], line, sizeof line));
    for (size_t i = 0; i < plan->n_retries; i++)
        fprintf(file, "%s\n", retry_format(plan->retries + i, line, sizeof line));
}
