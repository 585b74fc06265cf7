/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Limits as the policy gives them. Nothing here knows a single limit: what differs is in the rows and in the kinds of values. */

#include "model/knob.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

enum { LIMIT_PARTS_MAX = 64 }; /* of one limit */

void limit_value_done(LimitValue *value) {
    for (size_t i = 0; i < value->n_parts; i++)
        free(value->parts[i].name);
    free(value->parts);
    free(value->set);
    *value = (LimitValue){ 0 };
}

static int value_parse_set(const char *text, LimitValue *value) {
    char canonical[SETTING_TEXT_MAX];
    CpuSet cpus;

    int r = cpu_set_parse(text, &cpus);
    if (r < 0)
        return r;
    if (cpu_set_format(&cpus, canonical, sizeof(canonical)) < 0)
        return -ERANGE;
    if (!value->set)
        value->set = malloc(sizeof(CpuSet));
    if (!value->set)
        return -ENOMEM;
    *value->set = cpus;
    return 0;
}

static int value_add_part(LimitValue *value, const char *name, size_t length, LimitPart **ret) {
    if (value->n_parts >= LIMIT_PARTS_MAX)
        return -ERANGE;

    LimitPart *parts = reallocarray(value->parts, value->n_parts + 1, sizeof(*parts));
    if (!parts)
        return -ENOMEM;
    value->parts = parts;

    LimitPart *part = &parts[value->n_parts];
    part->name = strndup(name, length);
    if (!part->name)
        return -ENOMEM;
    value->n_parts++;
    *ret = part;
    return 0;
}

static LimitPart *value_part(const LimitValue *value, const char *name, size_t length) {
    for (size_t i = 0; i < value->n_parts; i++) {
        LimitPart *part = &value->parts[i];

        if (strlen(part->name) == length && memcmp(part->name, name, length) == 0)
            return part;
    }
    return NULL;
}

static int value_set_part(LimitValue *value, const char *name, size_t length, uint64_t amount) {
    LimitPart *part = value_part(value, name, length);

    if (!part) {
        int r = value_add_part(value, name, length, &part);
        if (r < 0)
            return r;
    }
    part->amount = amount;
    return 0;
}

/* "2M 100M": the kernel counts whole pages of that size. */
static int value_parse_pages(
        const Limit *limit, const char *name, const char *text, const LimitScale *scale, LimitValue *value) {
    LimitScale of_pages = *scale;
    uint64_t amount;

    int r = parse_bytes(name, &of_pages.page_bytes);
    if (r < 0)
        return r;
    const char *page = knob_page_name(of_pages.page_bytes);
    r = page ? limit->parse(text, &of_pages, &amount) : -EINVAL;
    return r < 0 ? r : value_set_part(value, page, strlen(page), amount);
}

/* "/dev/vda 10M" */
static int value_parse_part(const Limit *limit, const char *text, const LimitScale *scale, LimitValue *value) {
    size_t length = strcspn(text, " \t");
    const char *amount_text = text + length + strspn(text + length, " \t");
    char name[AMOUNT_TEXT_MAX] = "";
    uint64_t amount;

    if (length < sizeof(name))
        *(char *) mempcpy(name, text, length) = '\0';
    if (limit->kind == LIMIT_KIND_PAGES)
        return value_parse_pages(limit, name, amount_text, scale, value);
    if (text[0] != '/' && strcmp(name, LIMIT_ANY_DEVICE) != 0)
        return -EINVAL;
    int r = limit->parse(amount_text, scale, &amount);
    return r < 0 ? r : value_set_part(value, text, length, amount);
}

int limit_value_parse(const Limit *limit, const char *text, const LimitScale *scale, LimitValue *value) {
    int r = 0;

    if (text[0] == '\0') {
        limit_value_done(value);
        return 0;
    }
    switch (limit->kind) {
    case LIMIT_KIND_AMOUNT:
        r = limit->parse(text, scale, &value->amount);
        break;
    case LIMIT_KIND_SET:
        r = value_parse_set(text, value);
        break;
    case LIMIT_KIND_DEVICES:
    case LIMIT_KIND_PAGES:
        r = value_parse_part(limit, text, scale, value);
        break;
    }
    if (r >= 0)
        value->is_set = true;
    return r;
}

static void show_parts(const Limit *limit, const LimitValue *value, char *buffer, size_t size) {
    char amount[AMOUNT_TEXT_MAX];
    size_t length = 0;

    for (size_t i = 0; i < value->n_parts && length < size; i++)
        length += snprintf(buffer + length, size - length, "%s%s %s", i > 0 ? ", " : "", value->parts[i].name,
                limit->show(value->parts[i].amount, amount, sizeof(amount)));
}

const char *limit_value_show(const Limit *limit, const LimitValue *value, char *buffer, size_t size) {
    char cpus[CPU_LIST_TEXT_MAX];

    if (!value->is_set) {
        snprintf(buffer, size, "not set");
        return buffer;
    }
    switch (limit->kind) {
    case LIMIT_KIND_AMOUNT:
        return limit->show(value->amount, buffer, size);
    case LIMIT_KIND_SET:
        cpu_set_format(value->set, cpus, sizeof(cpus));
        snprintf(buffer, size, "%s", cpus);
        break;
    case LIMIT_KIND_DEVICES:
    case LIMIT_KIND_PAGES:
        show_parts(limit, value, buffer, size);
        break;
    }
    return buffer;
}
