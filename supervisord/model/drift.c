/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The same difference always has the same words, so that what is new can be told from what is known. */

#include "model/drift.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/strv.h"

enum { VOID_CPU_FRACTION = 100 }; /* weights are whole numbers: a hundredth less is as good */

void drift_done(Drift *drift) {
    for (size_t i = 0; i < drift->n_items; i++)
        free(drift->items[i].text);
    free(drift->items);
    free(drift->text);
    *drift = (Drift){};
}

static int add_item(Drift *drift, const Knob *knob, const char *words) {
    char *text = NULL;
    int r = grow(&drift->items, sizeof *drift->items, drift->n_items, &drift->n_allocated);
    if (r == 0)
        r = text_printf(&text, "%s%s%s", drift->text ?: "", drift->text ? "; " : "", words);
    if (r < 0)
        return r;
    free(drift->text);
    drift->text = text;
    drift->items[drift->n_items] = (DriftItem){ .knob = knob->id, .text = strdup(words) };
    return drift->items[drift->n_items++].text ? 0 : -ENOMEM;
}

/* --- what somebody has written ------------------------------------------------------------------------------------- */

/* What a plan would set although it was there before: a step that is bound to fail is not drift, but degraded. */
static bool is_drift(const Step *step, const Group *group) {
    return step->kind == STEP_LIMIT_SET && step->group == group && step->from && step->result == -EINPROGRESS;
}

static int add_written(Drift *drift, const Step *step) {
    const Knob *knob = knobs + step->setting.knob;
    char device[32] = "", words[STEP_TEXT_MAX];
    if (knob_kind(knob) == LIMIT_KIND_DEVICES)
        snprintf(device, sizeof device, " %u:%u", step->setting.device_major, step->setting.device_minor);
    snprintf(words, sizeof words, "%s%s%s%s holds %s, the policy says %s", knob->file, device, knob->entry ? " " : "",
            knob->entry ?: "", *step->from ? step->from : "nothing",
            *step->setting.text ? step->setting.text : "nothing");
    return add_item(drift, knob, words);
}

/* --- what is not granted above ------------------------------------------------------------------------------------- */

static uint64_t granted_by(const NodeGroup *above, const Knob *knob) {
    const char *text = node_group_setting(above, knob->id, 0, 0);
    uint64_t amount;
    return text && knob_amount(text, &amount) == 0 ? amount : 0;
}

static int add_void(Drift *drift, const Node *node, const Group *group, const Knob *knob) {
    const Limit *limit = limits + knob->limit;
    const LimitValue *value = group->limits + limit->id;
    const NodeGroup *least = NULL;
    char granted[64], words[STEP_TEXT_MAX];

    for (size_t i = 0; i < node->n_above; i++)
        if (!least || granted_by(node->above + i, knob) < granted_by(least, knob))
            least = node->above + i;
    if (!value->is_set || !least || granted_by(least, knob) >= value->amount)
        return 0;
    snprintf(words, sizeof words, "%s: %s grants %s=%s", knob->file, least->name, limit->key,
            limit->show(granted_by(least, knob), granted, sizeof granted));
    return add_item(drift, knob, words);
}

/* What is reserved holds by weights, which are worth less where those beside the tree have more. */
static int add_void_cpu(Drift *drift, const Plan *plan, const Node *node, const Group *group) {
    const Limit *limit = limits + LIMIT_CPU_RESERVE;
    const LimitValue *value = group->limits + limit->id;
    uint64_t needed = plan->policy->settings.tree_cpu_ppm, granted = node_share_ppm(node);
    char reserve[64], worth[64], words[STEP_TEXT_MAX];

    if (!value->is_set || granted >= needed - needed / VOID_CPU_FRACTION)
        return 0;
    snprintf(words, sizeof words, "%s: beside the rest of the node %s=%s is worth %s", knobs[KNOB_CPU_WEIGHT].file,
            limit->key, limit->show(value->amount, reserve, sizeof reserve),
            limit->show(value->amount * granted / needed / 1000 * 1000, worth, sizeof worth));
    return add_item(drift, knobs + KNOB_CPU_WEIGHT, words);
}

int drift_find(const Plan *plan, const Node *node, const Group *group, Drift *ret) {
    Drift drift = {};
    int r = 0;
    for (size_t i = 0; r == 0 && i < plan->n_steps; i++)
        if (is_drift(plan->steps + i, group))
            r = add_written(&drift, plan->steps + i);
    FOREACH_KNOB (knob)
        if (r == 0 && limits[knob->limit].reach == LIMIT_REACH_GRANTED)
            r = add_void(&drift, node, group, knob);
    if (r == 0)
        r = add_void_cpu(&drift, plan, node, group);
    if (r < 0)
        drift_done(&drift);
    else
        *ret = drift;
    return r;
}

/* --- what is known ------------------------------------------------------------------------------------------------- */

bool drift_has(const Drift *drift, const DriftItem *item) {
    for (size_t i = 0; i < drift->n_items; i++)
        if (drift->items[i].knob == item->knob && strcmp(drift->items[i].text, item->text) == 0)
            return true;
    return false;
}

uint64_t drift_knobs(const Drift *drift) {
    uint64_t mask = 0;
    for (size_t i = 0; i < drift->n_items; i++)
        mask |= UINT64_C(1) << drift->items[i].knob;
    return mask;
}
