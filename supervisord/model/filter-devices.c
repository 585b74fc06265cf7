/* SPDX-License-Identifier: GPL-2.0-or-later */

/* DeviceAllow=: a device and what may be done with it. */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/strv.h"
#include "model/filter-internal.h"

enum { ACCESS_ALL = DEVICE_READ | DEVICE_WRITE | DEVICE_MKNOD };

static const char blanks[] = " \t";

void filters_forget_devices(Filters *filters) {
    for (size_t i = 0; i < filters->n_devices; i++)
        free(filters->devices[i].specifier);
    filters->n_devices = 0;
}

static const struct {
    char letter;
    uint32_t bit;
} accesses[] = { { 'r', DEVICE_READ }, { 'w', DEVICE_WRITE }, { 'm', DEVICE_MKNOD } };

/* "rw"; all of it when nothing is said. */
static int parse_access(const char *text, uint32_t *ret) {
    uint32_t access = 0;

    for (const char *letter = text; *letter; letter++) {
        uint32_t bit = 0;

        for (size_t i = 0; i < ELEMENTSOF(accesses); i++)
            if (accesses[i].letter == *letter)
                bit = accesses[i].bit;
        if (!bit)
            return -EINVAL;
        access |= bit;
    }
    *ret = access ?: ACCESS_ALL;
    return 0;
}

static bool is_device_specifier(const char *text) {
    static const char *const prefixes[] = { "/dev/", "char-", "block-" };

    for (size_t i = 0; i < ELEMENTSOF(prefixes); i++) {
        size_t length = strlen(prefixes[i]);

        if (strncmp(text, prefixes[i], length) == 0)
            return text[length] && strlen(text) < PATH_MAX && !strstr(text, "/../");
    }
    return false;
}

static int add_device(Filters *filters, const char *specifier, uint32_t access, const char **ret_problem) {
    for (size_t i = 0; i < filters->n_devices; i++)
        if (strcmp(filters->devices[i].specifier, specifier) == 0) {
            filters->devices[i].access |= access;
            return 0;
        }
    if (filters->n_devices == FILTER_RULES_MAX) {
        *ret_problem = "more than 256 devices";
        return -EINVAL;
    }
    int r = grow(&filters->devices, sizeof *filters->devices, filters->n_devices, &filters->n_devices_allocated);
    char *copy = r < 0 ? NULL : strdup(specifier);
    if (!copy)
        return -ENOMEM;
    filters->devices[filters->n_devices++] = (DeviceAllow){ copy, access };
    return 0;
}

int filters_allow_device(Filters *filters, const char *text, const char **ret_problem) {
    _cleanup_(cleanup_free) char *specifier = NULL;
    size_t length = strcspn(text, blanks);
    uint32_t access = 0;

    if (!*text) {
        filters_forget_devices(filters);
        return 0;
    }
    specifier = strndup(text, length);
    if (!specifier)
        return -ENOMEM;
    int r = parse_access(text + length + strspn(text + length, blanks), &access);
    if (r == 0 && !is_device_specifier(specifier))
        r = -EINVAL;
    return r < 0 ? r : add_device(filters, specifier, access, ret_problem);
}

bool filters_deny_devices(const Filters *filters) {
    return filters->device_policy != DEVICE_POLICY_AUTO || filters->n_devices > 0;
}

void filters_show_devices(const Filters *filters, FILE *out) {
    bool is_auto = filters->device_policy == DEVICE_POLICY_AUTO;

    if (filters_deny_devices(filters))
        fputs(device_policy_name(is_auto ? DEVICE_POLICY_CLOSED : filters->device_policy), out);
    for (size_t i = 0; i < filters->n_devices; i++) {
        fprintf(out, ", %s ", filters->devices[i].specifier);
        for (size_t j = 0; j < ELEMENTSOF(accesses); j++)
            if (filters->devices[i].access & accesses[j].bit)
                fputc(accesses[j].letter, out);
    }
}
