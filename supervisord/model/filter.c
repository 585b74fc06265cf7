/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What sections say of filters, in systemd.resource-control(5)'s way of writing it. */

#include "model/filter.h"

#include <string.h>

#include "base/cleanup.h"
#include "model/filter-internal.h"

static const struct {
    const char *name, *key;
    bool (*deny)(const Filters *filters);
    void (*show)(const Filters *filters, FILE *out);
} rows[FILTERS_COUNT] = {
    [FILTER_DEVICES] = { "devices", "DeviceFilter", filters_deny_devices, filters_show_devices },
    [FILTER_ADDRESSES] = { "addresses", "IPAddressFilter", filters_deny_addresses, filters_show_addresses },
    [FILTER_BINDS] = { "binds", "SocketBindFilter", filters_deny_binds, filters_show_binds },
};

const char *filter_name(FilterId filter) {
    return rows[filter].name;
}

const char *filter_key(FilterId filter) {
    return rows[filter].key;
}

const char *device_policy_name(DevicePolicy policy) {
    static const char *const names[DEVICE_POLICIES_COUNT] = {
        [DEVICE_POLICY_AUTO] = "auto",
        [DEVICE_POLICY_CLOSED] = "closed",
        [DEVICE_POLICY_STRICT] = "strict",
    };

    return names[policy];
}

void filters_done(Filters *filters) {
    filters_forget_devices(filters);
    free(filters->devices);
    free(filters->addresses);
    free(filters->binds);
    *filters = (Filters){};
}

bool filters_deny(const Filters *filters, FilterId filter) {
    return rows[filter].deny(filters);
}

const char *filters_show(const Filters *filters, FilterId filter, char *buffer, size_t size) {
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    *buffer = '\0';
    if (!out)
        return buffer;
    rows[filter].show(filters, out);
    fclose(out);
    snprintf(buffer, size, "%s", text ?: "");
    free(text);
    return buffer;
}

static size_t show_those(const Filters *filters, const FilterList *list, bool allow, const char *lead, FILE *out) {
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        if (list->allows(filters, i) != allow)
            continue;
        fputs(n++ > 0 ? " " : lead, out);
        list->show(filters, i, out);
    }
    return n;
}

void filters_show_list(const Filters *filters, const FilterList *list, FILE *out) {
    size_t n = show_those(filters, list, true, "allow ", out);

    show_those(filters, list, false, n > 0 ? ", deny " : "deny ", out);
}
