/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Names as systemctl has them: limits by their policy keys, meters by their own names, the status in capitals. */

#include "tools/supctl/property.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

typedef enum PropertyType {
    PROPERTY_TEXT,
    PROPERTY_U32,
    PROPERTY_U64,
} PropertyType;

static const struct {
    const char *name;
    PropertyType type;
    size_t offset; /* in Status */
} properties[] = {
    { "Name", PROPERTY_TEXT, offsetof(Status, name) },
    { "Kind", PROPERTY_TEXT, offsetof(Status, kind) },
    { "Slice", PROPERTY_TEXT, offsetof(Status, slice) },
    { "State", PROPERTY_TEXT, offsetof(Status, state) },
    { "MainPID", PROPERTY_U32, offsetof(Status, main_pid) },
    { "SinceUSec", PROPERTY_U64, offsetof(Status, since_usec) },
    { "Restarts", PROPERTY_U64, offsetof(Status, n_restarts) },
    { "LastExit", PROPERTY_TEXT, offsetof(Status, last_exit) },
    { "Degraded", PROPERTY_TEXT, offsetof(Status, degraded) },
    { "Command", PROPERTY_TEXT, offsetof(Status, command) },
};

const char *status_property_name(size_t i) {
    return i < ELEMENTSOF(properties) ? properties[i].name : NULL;
}

static const char *status_property(const Status *status, size_t i, char *buffer, size_t size) {
    const void *field = (const char *) status + properties[i].offset;

    if (properties[i].type == PROPERTY_TEXT)
        return *(const char *const *) field;
    snprintf(buffer, size, "%" PRIu64,
            properties[i].type == PROPERTY_U32 ? *(const uint32_t *) field : *(const uint64_t *) field);
    return buffer;
}

const char *detail_property(const Detail *detail, const char *name, char *buffer, size_t size) {
    for (size_t i = 0; i < detail->n_limits; i++)
        if (strcmp(detail->limits[i].key, name) == 0)
            return detail->limits[i].effective;
    for (size_t i = 0; i < detail->n_meters; i++)
        if (strcmp(detail->meters[i].name, name) == 0) {
            snprintf(buffer, size, "%.15g", detail->meters[i].value);
            return buffer;
        }
    for (size_t i = 0; i < ELEMENTSOF(properties); i++)
        if (strcmp(properties[i].name, name) == 0)
            return status_property(&detail->status, i, buffer, size);
    return NULL;
}
