/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Canonical text: from what the policy wants, from what the kernel shows, back into the file, and to people. It is what
 * the kernel shows after it was written, so that policy and node can be compared as strings.
 */

#include "model/knob.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "model/limit-amount.h"

/* --- what is wanted ------------------------------------------------------------------------------------------------ */

void knob_format(const Knob *knob, uint64_t amount, char *buffer, size_t size) {
    if (knob->format)
        knob->format(amount, buffer, size);
    else if (amount == AMOUNT_INFINITY)
        snprintf(buffer, size, "max");
    else
        snprintf(buffer, size, "%" PRIu64, amount);
}

static const LimitPart *part_of(const Knob *knob, const LimitValue *value) {
    for (size_t i = 0; i < value->n_parts; i++)
        if (strcmp(value->parts[i].name, knob->part) == 0)
            return &value->parts[i];
    return NULL;
}

bool knob_wanted(const Knob *knob, const LimitValue values[LIMITS_COUNT], char *buffer, size_t size) {
    const LimitValue *value = &values[knob->limit];
    const LimitPart *part = knob->part ? part_of(knob, value) : NULL;

    if (knob->wanted)
        return knob->wanted(values, buffer, size);
    if (part)
        knob_format(knob, part->amount, buffer, size);
    else if (limits[knob->limit].reach == LIMIT_REACH_GRANTED)
        knob_format(knob, value->is_set ? value->amount : value->below, buffer, size);
    else if (!value->is_set || knob->part)
        snprintf(buffer, size, "%s", knob->unset);
    else if (value->set)
        cpu_set_format(value->set, buffer, size); /* the parser saw to it that it fits */
    else
        knob_format(knob, value->amount, buffer, size);
    return true;
}

/* A second number is a period; the amount is what falls into the usual one. */
int knob_amount(const char *text, uint64_t *ret) {
    uint64_t amount = AMOUNT_INFINITY, period = CPU_PERIOD_USEC;

    if (strncmp(text, "max", strlen("max")) == 0)
        text += strlen("max");
    else if (parse_digits(&text, &amount) < 0)
        return -EINVAL;
    if (*text == ' ' ? parse_u64(text + 1, &period) < 0 || period == 0 : *text != '\0')
        return -EINVAL;
    if (amount != AMOUNT_INFINITY)
        amount = ((unsigned __int128) amount * CPU_PERIOD_USEC + period / 2) / period;
    *ret = amount;
    return 0;
}

/* --- what the kernel shows ----------------------------------------------------------------------------------------- */

/* What follows `first` at the start of a line; NULL if no line starts so. */
static const char *line_after(const char *text, const char *first) {
    for (const char *line = text; *line; line += strspn(line, "\n")) {
        if (strncmp(line, first, strlen(first)) == 0)
            return line + strlen(first);
        line += strcspn(line, "\n");
    }
    return NULL;
}

/* The value of name= among the words of a line; NULL if it has none. */
static const char *word_value(const char *line, const char *name) {
    size_t length = strlen(name);

    for (const char *word = line; *word && *word != '\n'; word += strspn(word, " ")) {
        if (strncmp(word, name, length) == 0 && word[length] == '=')
            return word + length + 1;
        word += strcspn(word, " \n");
    }
    return NULL;
}

/* Where the knob's value begins in what the kernel shows; NULL if it is not there. */
static const char *value_in_file(const Knob *knob, const char *file_text, unsigned major, unsigned minor) {
    char line_start[32];

    if (knob_kind(knob) == LIMIT_KIND_DEVICES) {
        snprintf(line_start, sizeof(line_start), "%u:%u ", major, minor);
        const char *line = line_after(file_text, line_start);
        if (!line) /* the kernel leaves out devices without limits */
            return knob->unset;
        return knob->entry ? word_value(line, knob->entry) : line;
    }
    if (knob->entry) {
        snprintf(line_start, sizeof(line_start), "%s ", knob->entry);
        return line_after(file_text, line_start);
    }
    return file_text;
}

/* What the kernel says is not to be trusted to be what we think: only what can be read as a value is one. */
static bool is_value(const Knob *knob, const char *text) {
    uint64_t amount;

    return strcmp(text, knob->unset) == 0 || knob_amount(text, &amount) == 0;
}

int knob_canonical(const Knob *knob, const char *file_text, unsigned device_major, unsigned device_minor,
        char *ret_text, size_t size) {
    const char *value = value_in_file(knob, file_text, device_major, device_minor);
    char text[CPU_LIST_TEXT_MAX];
    CpuSet set;

    if (!value)
        return -EINVAL;

    size_t length = strcspn(value, knob->entry ? " \n" : "\n");
    if (length >= sizeof(text))
        return -EINVAL;
    *(char *) mempcpy(text, value, length) = '\0';
    if (knob_kind(knob) == LIMIT_KIND_SET)
        return cpu_set_parse(text, &set) < 0 ? -EINVAL : cpu_set_format(&set, ret_text, size);
    if (!is_value(knob, text))
        return -EINVAL;
    if (length >= size)
        return -ENOSPC;
    memcpy(ret_text, text, length + 1);
    return 0;
}

void knob_file_text(const Setting *setting, char *buffer, size_t size) {
    const Knob *knob = &knobs[setting->knob];
    const char *entry = knob->entry ? knob->entry : "";

    if (knob_kind(knob) == LIMIT_KIND_DEVICES)
        snprintf(buffer, size, "%u:%u %s%s%s", setting->device_major, setting->device_minor, entry, *entry ? "=" : "",
                setting->text);
    else if (*entry)
        snprintf(buffer, size, "%s %s", entry, setting->text);
    else
        /* A write of no bytes does nothing; an empty line empties. */
        snprintf(buffer, size, "%s", setting->text[0] ? setting->text : "\n");
}

/* --- for comparison and for people -------------------------------------------------------------------------------- */

static const char *tighter_set(const char *a, const char *b, char *buffer, size_t size) {
    CpuSet set_a, set_b;

    if (b[0] == '\0' || cpu_set_parse(a, &set_a) < 0 || cpu_set_parse(b, &set_b) < 0)
        return a;
    if (a[0] == '\0')
        return b;

    CpuSet both = cpu_set_intersect(&set_a, &set_b);
    /* The kernel falls back to the ancestor's CPUs when none are common. */
    if (cpu_set_count(&both) == 0 || cpu_set_format(&both, buffer, size) < 0)
        return a;
    return buffer;
}

const char *knob_tighter(const Knob *knob, const char *a, const char *b, char *buffer, size_t size) {
    uint64_t amount_a, amount_b;

    if (knob_kind(knob) == LIMIT_KIND_SET)
        return tighter_set(a, b, buffer, size);
    if (knob_amount(a, &amount_a) < 0 || knob_amount(b, &amount_b) < 0)
        return a;
    return amount_b < amount_a ? b : a;
}

const char *knob_show(const Knob *knob, const char *text, char *buffer, size_t size) {
    const Limit *limit = &limits[knob->limit];
    uint64_t amount;

    if (limit->show && knob_amount(text, &amount) >= 0)
        return limit->show(amount, buffer, size);
    snprintf(buffer, size, "%s", limit->kind == LIMIT_KIND_SET && !text[0] ? "all" : text);
    return buffer;
}

static bool holds(const char *const texts[KNOBS_COUNT], KnobId knob, const char *text) {
    return texts[knob] && strcmp(texts[knob], text) == 0;
}

/* Where the limit stands if it is the freezer that goes by it. */
static const Knob *freezer_knob(const Limit *limit, const char *const texts[KNOBS_COUNT]) {
    FOREACH_KNOB (knob) {
        if (knob->limit == limit->id && knob_is_of_freezer(knob) && texts[knob->id])
            return knob;
    }
    return NULL;
}

static const char *show_period(const char *const texts[KNOBS_COUNT], char *buffer, size_t size) {
    const char *max = texts[KNOB_FREEZER_MAX] ?: texts[KNOB_CPU_MAX], *period = max ? strchr(max, ' ') : NULL;
    uint64_t usec;

    return period && parse_u64(period + 1, &usec) == 0 ? format_usec(usec, buffer, size) : NULL;
}

static const char *show_pages(const char *const texts[KNOBS_COUNT], char *buffer, size_t size) {
    char words[AMOUNT_TEXT_MAX];
    size_t length = 0;

    *buffer = '\0';
    FOREACH_KNOB (knob) {
        if (!knob->part || !texts[knob->id] || length >= size)
            continue;
        length += snprintf(buffer + length, size - length, "%s%s %s", length > 0 ? ", " : "", knob->part,
                knob_show(knob, texts[knob->id], words, sizeof(words)));
    }
    return length > 0 ? buffer : NULL;
}

const char *limit_show_held(const Limit *limit, const char *const texts[KNOBS_COUNT], char *buffer, size_t size) {
    const Knob *knob = limit_knob(limit), *freezer = freezer_knob(limit, texts);

    if (limit->id == LIMIT_CPU_RESERVE) /* it stands nowhere as such */
        return NULL;
    if (limit->id == LIMIT_CPU_QUOTA_PERIOD)
        return show_period(texts, buffer, size);
    if (freezer)
        return knob_show(freezer, texts[freezer->id], buffer, size);
    if (limit->kind == LIMIT_KIND_PAGES)
        return show_pages(texts, buffer, size);
    if (limit->id == LIMIT_CPU_WEIGHT && holds(texts, KNOB_CPU_IDLE, "1"))
        return limit->show(CPU_WEIGHT_IDLE, buffer, size);
    if (limit->id == LIMIT_OOM_POLICY && texts[knob->id])
        return limit->show(holds(texts, knob->id, "1") ? OOM_KILL : OOM_CONTINUE, buffer, size);
    if (limit->id == LIMIT_IO_DEVICE_WEIGHT && texts[KNOB_IO_BFQ_DEVICE_WEIGHT] &&
            !holds(texts, KNOB_IO_BFQ_DEVICE_WEIGHT, knobs[KNOB_IO_BFQ_DEVICE_WEIGHT].unset))
        knob = &knobs[KNOB_IO_BFQ_DEVICE_WEIGHT];
    return texts[knob->id] ? knob_show(knob, texts[knob->id], buffer, size) : NULL;
}
