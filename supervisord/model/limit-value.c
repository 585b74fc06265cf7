/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Limits as the policy gives them and as the node holds them. Nothing here knows a single limit: what differs is in
 * the rows of the table and in the three kinds of values.
 */

#include "model/limit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

enum { LIMIT_DEVICES_MAX = 64 }; /* of one limit */

void limit_value_done(LimitValue *value) {
    for (size_t i = 0; i < value->n_devices; i++)
        free(value->devices[i].path);
    free(value->devices);
    free(value->cpus);
    *value = (LimitValue){ 0 };
}

static int value_parse_cpus(const char *text, LimitValue *value) {
    char canonical[SETTING_TEXT_MAX];
    CpuSet cpus;

    int r = cpu_set_parse(text, &cpus);
    if (r < 0)
        return r;
    if (cpu_set_format(&cpus, canonical, sizeof(canonical)) < 0)
        return -ERANGE;
    if (!value->cpus)
        value->cpus = malloc(sizeof(CpuSet));
    if (!value->cpus)
        return -ENOMEM;
    *value->cpus = cpus;
    return 0;
}

static int value_add_device(LimitValue *value, const char *path, size_t path_length, DeviceAmount **ret) {
    if (value->n_devices >= LIMIT_DEVICES_MAX)
        return -ERANGE;

    DeviceAmount *devices = reallocarray(value->devices, value->n_devices + 1, sizeof(*devices));
    if (!devices)
        return -ENOMEM;
    value->devices = devices;

    DeviceAmount *device = &devices[value->n_devices];
    device->path = strndup(path, path_length);
    if (!device->path)
        return -ENOMEM;
    value->n_devices++;
    *ret = device;
    return 0;
}

static DeviceAmount *value_device(const LimitValue *value, const char *path, size_t path_length) {
    for (size_t i = 0; i < value->n_devices; i++) {
        DeviceAmount *device = &value->devices[i];

        if (strlen(device->path) == path_length && memcmp(device->path, path, path_length) == 0)
            return device;
    }
    return NULL;
}

/* "/dev/vda 10M" */
static int value_parse_device(const Limit *limit, const char *text, const LimitScale *scale, LimitValue *value) {
    size_t path_length = strcspn(text, " \t");
    const char *amount_text = text + path_length + strspn(text + path_length, " \t");
    uint64_t amount;

    if (text[0] != '/')
        return -EINVAL;
    int r = limit->parse(amount_text, scale, &amount);
    if (r < 0)
        return r;

    DeviceAmount *device = value_device(value, text, path_length);
    if (!device) {
        r = value_add_device(value, text, path_length, &device);
        if (r < 0)
            return r;
    }
    device->amount = amount;
    return 0;
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
    case LIMIT_KIND_CPUS:
        r = value_parse_cpus(text, value);
        break;
    case LIMIT_KIND_DEVICES:
        r = value_parse_device(limit, text, scale, value);
        break;
    }
    if (r >= 0)
        value->is_set = true;
    return r;
}

static void show_devices(const Limit *limit, const LimitValue *value, char *buffer, size_t size) {
    char amount[AMOUNT_TEXT_MAX];
    size_t length = 0;

    for (size_t i = 0; i < value->n_devices && length < size; i++)
        length += snprintf(buffer + length, size - length, "%s%s %s", i > 0 ? ", " : "", value->devices[i].path,
                limit->show(value->devices[i].amount, amount, sizeof(amount)));
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
    case LIMIT_KIND_CPUS:
        cpu_set_format(value->cpus, cpus, sizeof(cpus));
        snprintf(buffer, size, "%s", cpus);
        break;
    case LIMIT_KIND_DEVICES:
        show_devices(limit, value, buffer, size);
        break;
    }
    return buffer;
}

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

/* Where the limit's value begins in what the kernel shows; NULL if it is not there. */
static const char *value_in_file(const Limit *limit, const char *file_text, unsigned major, unsigned minor) {
    char line_start[32];

    if (limit->kind == LIMIT_KIND_DEVICES) {
        snprintf(line_start, sizeof(line_start), "%u:%u ", major, minor);
        const char *line = line_after(file_text, line_start);
        /* The kernel leaves out devices without limits. */
        return line ? word_value(line, limit->entry) : limit->unset;
    }
    if (limit->entry) {
        snprintf(line_start, sizeof(line_start), "%s ", limit->entry);
        return line_after(file_text, line_start);
    }
    return file_text;
}

int limit_canonical(const Limit *limit, const char *file_text, unsigned device_major, unsigned device_minor,
        char *ret_text, size_t size) {
    const char *value = value_in_file(limit, file_text, device_major, device_minor);
    char text[CPU_LIST_TEXT_MAX];
    uint64_t amount;
    CpuSet cpus;

    if (!value)
        return -EINVAL;

    size_t length = strcspn(value, limit->entry ? " \n" : "\n");
    if (length >= sizeof(text))
        return -EINVAL;
    *(char *) mempcpy(text, value, length) = '\0';
    if (limit->kind == LIMIT_KIND_CPUS)
        return cpu_set_parse(text, &cpus) < 0 ? -EINVAL : cpu_set_format(&cpus, ret_text, size);
    if (limit_amount_from_canonical(text, &amount) < 0)
        return -EINVAL;
    if (length >= size)
        return -ENOSPC;
    memcpy(ret_text, text, length + 1);
    return 0;
}

void limit_file_text(const Limit *limit, const Setting *setting, char *buffer, size_t size) {
    unsigned major = setting->device_major, minor = setting->device_minor;

    if (limit->kind == LIMIT_KIND_DEVICES)
        snprintf(buffer, size, "%u:%u %s=%s", major, minor, limit->entry, setting->text);
    else if (limit->entry)
        snprintf(buffer, size, "%s %s", limit->entry, setting->text);
    else
        /* A write of no bytes does nothing; an empty line empties. */
        snprintf(buffer, size, "%s", setting->text[0] ? setting->text : "\n");
}

static const char *tighter_cpus(const char *a, const char *b, char *buffer, size_t size) {
    CpuSet cpus_a, cpus_b;

    if (b[0] == '\0' || cpu_set_parse(a, &cpus_a) < 0 || cpu_set_parse(b, &cpus_b) < 0)
        return a;
    if (a[0] == '\0')
        return b;

    CpuSet both = cpu_set_intersect(&cpus_a, &cpus_b);
    /* The kernel falls back to the ancestor's CPUs when none are common. */
    if (cpu_set_count(&both) == 0 || cpu_set_format(&both, buffer, size) < 0)
        return a;
    return buffer;
}

const char *limit_tighter(const Limit *limit, const char *a, const char *b, char *buffer, size_t size) {
    uint64_t amount_a, amount_b;

    if (limit->kind == LIMIT_KIND_CPUS)
        return tighter_cpus(a, b, buffer, size);
    if (limit_amount_from_canonical(a, &amount_a) < 0 || limit_amount_from_canonical(b, &amount_b) < 0)
        return a;
    return amount_b < amount_a ? b : a;
}

const char *limit_show_canonical(const Limit *limit, const char *text, char *buffer, size_t size) {
    uint64_t amount;

    if (limit->kind != LIMIT_KIND_CPUS && limit_amount_from_canonical(text, &amount) >= 0)
        return limit->show(amount, buffer, size);
    snprintf(buffer, size, "%s", limit->kind == LIMIT_KIND_CPUS && !text[0] ? "all" : text);
    return buffer;
}
