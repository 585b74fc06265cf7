/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A process chooses its name, and others those of cgroups: only what cannot be forged is looked for. */

#include "base/proc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool proc_cgroup_is_within(const char *text, const char *place) {
    const char *line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
    if (!line)
        return false;
    line = strchr(line, '/');
    size_t length = strlen(place);
    return strncmp(line, place, length) == 0 && (line[length] == '/' || line[length] == '\n' || line[length] == '\0');
}

/* The name, field 2, may hold blanks and parentheses: the fields are counted from its last one. */
int proc_stat_field(const char *text, unsigned field, uint64_t *ret) {
    const char *at = strrchr(text, ')');

    for (unsigned i = 2; at && i < field; i++)
        at = strchr(at + 1, ' ');
    return at && sscanf(at, " %" SCNu64, ret) == 1 ? 0 : -EBADMSG;
}
