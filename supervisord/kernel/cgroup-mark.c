/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Marks: identity written on cgroup directories, so that a daemon that comes back, of this or another version, knows
 * what is ours. What is read may have been written by anyone with the right, so it is believed only when every word
 * fits.
 */

#include "kernel/cgroup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/cleanup.h"
#include "model/node.h"

#define MARK_XATTR "trusted.supervisord"
#define PAST_XATTR MARK_XATTR ".past"
#define MARK_VERSION "v=1" /* the first word; what a newer schema adds comes as further keys, what it changes as v=2 */

enum { XATTR_NAME_SIZE = 64 };

/* --- writing ---------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static size_t append(
        char *buffer, size_t size, size_t used, const char *format, ...) {
    va_list arguments;

    if (used >= size)
        return used;
    va_start(arguments, format);
    int n = vsnprintf(buffer + used, size - used, format, arguments);
    va_end(arguments);
    return n < 0 ? size : used + (size_t) n;
}

static size_t append_leaf(const CgroupMark *mark, char *buffer, size_t size, size_t used) {
    char invocation[INVOCATION_TEXT_SIZE];

    used = append(buffer, size, used, " invocation=%s", invocation_format(&mark->invocation, invocation));
    if (mark->main_pid > 0)
        used = append(buffer, size, used, " pid=%d start=%" PRIu64, mark->main_pid, mark->main_start_ticks);
    if (mark->recipe)
        used = append(buffer, size, used, " recipe=%" PRIu64, mark->recipe);
    if (mark->oom_kills != MARK_UNKNOWN)
        used = append(buffer, size, used, " oom=%" PRIu64, mark->oom_kills);
    if (mark->report > 0)
        used = append(buffer, size, used, " report=%d", mark->report);
    if (mark->stopping)
        used = append(buffer, size, used, " stop=1");
    return used;
}

static size_t append_group(const CgroupMark *mark, char *buffer, size_t size, size_t used) {
    if (mark->slot != SLOT_NONE)
        used = append(buffer, size, used, " slot=%" PRIu32, mark->slot);
    if (mark->restarts)
        used = append(buffer, size, used, " restarts=%" PRIu64, mark->restarts);
    return used;
}

int cgroup_mark_format(const CgroupMark *mark, char *buffer, size_t size) {
    const char *key = mark->leaf ? "leaf" : "kind", *value = mark->leaf ? "1" : group_kind_name(mark->kind);
    size_t used = append(buffer, size, 0, MARK_VERSION " %s=%s name=%s", key, value, mark->name);

    if (mark->leaf)
        used = append_leaf(mark, buffer, size, used);
    else
        used = append_group(mark, buffer, size, used);
    return used < size ? 0 : -ENOSPC;
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

static bool read_number(const char *text, uint64_t max, uint64_t *ret) {
    return parse_u64(text, ret) == 0 && *ret <= max;
}

static bool read_kind(const char *value, CgroupMark *mark) {
    for (GroupKind kind = 0; kind < GROUP_KINDS_COUNT; kind++)
        if (strcmp(value, group_kind_name(kind)) == 0) {
            mark->kind = kind;
            return true;
        }
    return false;
}

static bool read_leaf(const char *value, CgroupMark *mark) {
    mark->leaf = true;
    mark->kind = GROUP_WORKLOAD;
    return strcmp(value, "1") == 0;
}

static bool read_name(const char *value, CgroupMark *mark) {
    if (!name_is_valid(value))
        return false;
    strcpy(mark->name, value);
    return true;
}

static bool read_slot(const char *value, CgroupMark *mark) {
    uint64_t slot;

    if (!read_number(value, SLOT_NONE - 1, &slot))
        return false;
    mark->slot = (uint32_t) slot;
    return true;
}

static bool read_invocation(const char *value, CgroupMark *mark) {
    return invocation_parse(value, &mark->invocation) == 0 && !invocation_is_null(&mark->invocation);
}

static bool read_pid(const char *value, CgroupMark *mark) {
    uint64_t pid;

    if (!read_number(value, INT32_MAX, &pid) || pid == 0)
        return false;
    mark->main_pid = (pid_t) pid;
    return true;
}

static bool read_start(const char *value, CgroupMark *mark) {
    return parse_u64(value, &mark->main_start_ticks) == 0;
}

static bool read_restarts(const char *value, CgroupMark *mark) {
    return parse_u64(value, &mark->restarts) == 0;
}

static bool read_recipe(const char *value, CgroupMark *mark) {
    return parse_u64(value, &mark->recipe) == 0;
}

static bool read_oom(const char *value, CgroupMark *mark) {
    return parse_u64(value, &mark->oom_kills) == 0;
}

static bool read_report(const char *value, CgroupMark *mark) {
    uint64_t number;

    if (!read_number(value, INT32_MAX, &number))
        return false;
    mark->report = (int) number;
    return true;
}

static bool read_stop(const char *value, CgroupMark *mark) {
    mark->stopping = true;
    return strcmp(value, "1") == 0;
}

typedef enum MarkKey {
    MARK_KIND,
    MARK_LEAF,
    MARK_NAME,
    MARK_SLOT,
    MARK_RESTARTS,
    MARK_INVOCATION,
    MARK_PID,
    MARK_START,
    MARK_RECIPE,
    MARK_OOM,
    MARK_REPORT,
    MARK_STOP,
    MARK_KEYS_COUNT,
} MarkKey;

static const struct {
    const char *key;
    bool (*read)(const char *value, CgroupMark *mark);
} mark_keys[MARK_KEYS_COUNT] = {
    [MARK_KIND] = { "kind", read_kind },
    [MARK_LEAF] = { "leaf", read_leaf },
    [MARK_NAME] = { "name", read_name },
    [MARK_SLOT] = { "slot", read_slot },
    [MARK_RESTARTS] = { "restarts", read_restarts },
    [MARK_INVOCATION] = { "invocation", read_invocation },
    [MARK_PID] = { "pid", read_pid },
    [MARK_START] = { "start", read_start },
    [MARK_RECIPE] = { "recipe", read_recipe },
    [MARK_OOM] = { "oom", read_oom },
    [MARK_REPORT] = { "report", read_report },
    [MARK_STOP] = { "stop", read_stop },
};

#define BIT(key) (1U << (key))

/* The keys that a mark must have and may have. */
static const struct {
    unsigned required, allowed;
} mark_forms[] = {
    { BIT(MARK_KIND) | BIT(MARK_NAME), BIT(MARK_SLOT) | BIT(MARK_RESTARTS) },
    { BIT(MARK_LEAF) | BIT(MARK_NAME) | BIT(MARK_INVOCATION), BIT(MARK_RECIPE) },
    { BIT(MARK_LEAF) | BIT(MARK_NAME) | BIT(MARK_INVOCATION) | BIT(MARK_PID) | BIT(MARK_START),
            BIT(MARK_STOP) | BIT(MARK_REPORT) | BIT(MARK_RECIPE) | BIT(MARK_OOM) },
};

static bool form_is_known(unsigned seen) {
    for (size_t i = 0; i < ELEMENTSOF(mark_forms); i++)
        if ((seen & ~mark_forms[i].allowed) == mark_forms[i].required)
            return true;
    return false;
}

/* One "key=value"; *seen guards against a key that comes twice. */
static bool read_word(char *word, CgroupMark *mark, unsigned *seen) {
    char *value = strchr(word, '=');

    if (!value)
        return false;
    *value++ = '\0';
    for (MarkKey i = 0; i < MARK_KEYS_COUNT; i++) {
        if (strcmp(word, mark_keys[i].key) != 0)
            continue;
        if (*seen & BIT(i))
            return false;
        *seen |= BIT(i);
        return mark_keys[i].read(value, mark);
    }
    return true;
}

int cgroup_mark_parse(const char *text, CgroupMark *ret) {
    CgroupMark mark = { .slot = SLOT_NONE, .oom_kills = MARK_UNKNOWN };
    char buffer[CGROUP_MARK_TEXT_MAX], *rest = buffer;
    unsigned seen = 0;

    if (strlen(text) >= sizeof buffer)
        return -EBADMSG;
    strcpy(buffer, text);
    if (strcmp(strsep(&rest, " "), MARK_VERSION) != 0)
        return -EBADMSG;
    while (rest)
        if (!read_word(strsep(&rest, " "), &mark, &seen))
            return -EBADMSG;
    if (!form_is_known(seen))
        return -EBADMSG;
    *ret = mark;
    return 0;
}

/* --- names of leaves --------------------------------------------------------------------------------------------- */

const char *cgroup_leaf_name(unsigned start, unsigned session, char buffer[static LEAF_NAME_SIZE]) {
    if (session)
        snprintf(buffer, LEAF_NAME_SIZE, "x%08x", session);
    else
        snprintf(buffer, LEAF_NAME_SIZE, "%u", start);
    return buffer;
}

int cgroup_leaf_parse(const char *name, unsigned *ret_start, unsigned *ret_session) {
    char again[LEAF_NAME_SIZE];
    uint64_t number;
    unsigned session;

    if (*name == 'x') {
        if (sscanf(name + 1, "%8x", &session) != 1 || session == 0 ||
                strcmp(cgroup_leaf_name(0, session, again), name) != 0)
            return -EINVAL;
        *ret_start = 0;
        *ret_session = session;
        return 0;
    }
    if (parse_u64(name, &number) < 0 || number == 0 || number >= UINT32_MAX)
        return -EINVAL;
    *ret_start = (unsigned) number;
    *ret_session = 0;
    return 0;
}

/* --- on directories --------------------------------------------------------------------------------------------- */

static int write_text(int dir_fd, const char *xattr, const char *text) {
    return fsetxattr(dir_fd, xattr, text, strlen(text), 0) < 0 ? -errno : 0;
}

static int read_text(int dir_fd, const char *xattr, char *buffer, size_t size) {
    ssize_t length = fgetxattr(dir_fd, xattr, buffer, size - 1);

    if (length < 0)
        return errno == ERANGE ? -EBADMSG : -errno;
    buffer[length] = '\0';
    return strlen(buffer) == (size_t) length ? 0 : -EBADMSG;
}

int cgroup_mark_write(int dir_fd, const CgroupMark *mark) {
    char text[CGROUP_MARK_TEXT_MAX];
    int r = cgroup_mark_format(mark, text, sizeof text);

    if (r < 0)
        return r;
    return write_text(dir_fd, MARK_XATTR, text);
}

int cgroup_mark_read(int dir_fd, CgroupMark *ret) {
    char text[CGROUP_MARK_TEXT_MAX];
    int r = read_text(dir_fd, MARK_XATTR, text, sizeof text);

    return r < 0 ? r : cgroup_mark_parse(text, ret);
}

int cgroup_mark_stopping(int leaf_fd) {
    CgroupMark mark;
    int r = cgroup_mark_read(leaf_fd, &mark);

    if (r < 0)
        return r;
    mark.stopping = true;
    return cgroup_mark_write(leaf_fd, &mark);
}

int cgroup_past_write(int dir_fd, const char *text) {
    return write_text(dir_fd, PAST_XATTR, text);
}

int cgroup_past_read(int dir_fd, char *buffer, size_t size) {
    return read_text(dir_fd, PAST_XATTR, buffer, size);
}

int cgroup_setting_write(int dir_fd, const char *file, const char *text) {
    char xattr[XATTR_NAME_SIZE];

    snprintf(xattr, sizeof xattr, MARK_XATTR ".%s", file);
    if (*text)
        return write_text(dir_fd, xattr, text);
    return fremovexattr(dir_fd, xattr) < 0 && errno != ENODATA ? -errno : 0;
}

int cgroup_setting_read(int dir_fd, const char *file, char *buffer, size_t size) {
    char xattr[XATTR_NAME_SIZE];

    snprintf(xattr, sizeof xattr, MARK_XATTR ".%s", file);
    return read_text(dir_fd, xattr, buffer, size);
}
