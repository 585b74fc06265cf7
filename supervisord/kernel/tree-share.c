/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The tree's share of the node. The cgroups above the tree are systemd's, and so is the tree's own: PID 1 is asked to
 * write there, and what it wrote is read back. What we gave is noted on the tree before it is given, so that it, and
 * nothing that somebody else has set, is taken back.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "kernel/cgroup.h"
#include "kernel/tree.h"

#define GIVEN_XATTR "trusted.supervisord.share" /* keys, separated by blanks */

enum {
    GIVEN_TEXT_MAX = 256,
    HOLD_ATTEMPTS = 100, /* times HOLD_PAUSE_USEC: PID 1 writes to cgroups some time after it has answered */
    HOLD_PAUSE_USEC = 10 * 1000,
};

/* --- what was given ---------------------------------------------------------------------------------------------- */

uint32_t tree_shares_given(const Tree *tree) {
    char text[GIVEN_TEXT_MAX];
    uint32_t given = 0;
    ssize_t length = fgetxattr(tree->fd, GIVEN_XATTR, text, sizeof text - 1);
    if (length < 0)
        return 0;
    text[length] = '\0';
    for (char *save, *key = strtok_r(text, " ", &save); key; key = strtok_r(NULL, " ", &save)) {
        const Limit *limit = limit_by_key(key);
        if (limit)
            given |= UINT32_C(1) << limit->id;
    }
    return given;
}

static int note_given(const Tree *tree, const Limit *of, bool is_given) {
    char text[GIVEN_TEXT_MAX] = "";
    uint32_t given = tree_shares_given(tree), bit = UINT32_C(1) << of->id;
    size_t length = 0;

    given = is_given ? given | bit : given & ~bit;
    FOREACH_LIMIT (limit)
        if (given & UINT32_C(1) << limit->id && length < sizeof text)
            length += snprintf(text + length, sizeof text - length, "%s%s", length ? " " : "", limit->key);
    return fsetxattr(tree->fd, GIVEN_XATTR, text, strlen(text), 0) < 0 ? -errno : 0;
}

/* --- giving ------------------------------------------------------------------------------------------------------ */

/* As systemd has it: no weight is the largest number, and no reserve is none. */
static uint64_t unit_amount(const Limit *limit, const LimitValue *value) {
    if (value->is_set)
        return value->amount;
    return limit->reach == LIMIT_REACH_GRANTED ? 0 : UINT64_MAX;
}

static int ask_systemd(const char *unit, const Limit *limit, uint64_t amount) {
    sd_bus *bus = NULL;
    int r = sd_bus_open_system(&bus);
    if (r >= 0)
        r = sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                "org.freedesktop.systemd1.Manager", "SetUnitProperties", NULL, NULL, "sba(sv)", unit, true, 1,
                limit->key, "t", amount);
    sd_bus_flush_close_unref(bus);
    return r < 0 ? r : 0;
}

static bool knob_holds(int dir_fd, const Knob *knob, const char *wanted) {
    char text[4096], holds[SETTING_TEXT_MAX];
    ssize_t length = file_read_at(dir_fd, knob->file, text, sizeof text);
    if (length < 0) /* nothing is missing where nothing is asked for */
        return strcmp(wanted, knob->unset) == 0 || knob->optional;
    return knob_canonical(knob, text, 0, 0, holds, sizeof holds) == 0 && strcmp(holds, wanted) == 0;
}

static int write_knob(int dir_fd, const Knob *knob, const char *wanted) {
    Setting setting = { .knob = knob->id };
    char text[SETTING_TEXT_MAX + 64];
    strcpy(setting.text, wanted);
    knob_file_text(&setting, text, sizeof text);
    return file_write_at(dir_fd, knob->file, text);
}

/* Written where there is no PID 1 to ask; else waited for. */
static int settle_knob(const Tree *tree, int dir_fd, const Knob *knob, const char *wanted) {
    if (!tree->unit && !knob_holds(dir_fd, knob, wanted)) {
        int r = write_knob(dir_fd, knob, wanted);
        if (r < 0)
            return r;
    }
    for (unsigned i = 0; !knob_holds(dir_fd, knob, wanted); i++) {
        if (i == HOLD_ATTEMPTS)
            return -ETIMEDOUT;
        usleep(HOLD_PAUSE_USEC);
    }
    return 0;
}

static int settle(const Tree *tree, int dir_fd, const Limit *limit, const LimitValue *value) {
    LimitValue values[LIMITS_COUNT] = {};
    char wanted[SETTING_TEXT_MAX];
    int r = 0;
    values[limit->id] = *value;
    FOREACH_KNOB (knob)
        if (r == 0 && knob->limit == limit->id && !knob_is_of_freezer(knob) && knob_kind(knob) == LIMIT_KIND_AMOUNT &&
                knob_wanted(knob, values, wanted, sizeof wanted))
            r = settle_knob(tree, dir_fd, knob, wanted);
    return r;
}

/* Of our slice first: what it does not grant is worth nothing below. */
static int give(const Tree *tree, const Limit *limit, const LimitValue *value) {
    uint64_t amount = unit_amount(limit, value);
    bool both = !tree->slice || limit->reach == LIMIT_REACH_GRANTED;
    _cleanup_(cleanup_close) int slice_fd = -1, mount_fd = -1;
    int r = 0;

    if (tree->slice) {
        r = ask_systemd(tree->slice, limit, amount);
        if (r == 0)
            r = cgroup_open(AT_FDCWD, tree->mount, &mount_fd);
        if (r == 0)
            r = cgroup_open(mount_fd, tree->slice, &slice_fd);
        if (r == 0)
            r = settle(tree, slice_fd, limit, value);
    }
    if (r == 0 && both && tree->unit)
        r = ask_systemd(tree->unit, limit, amount);
    return r == 0 && both ? settle(tree, tree->fd, limit, value) : r;
}

int tree_share_set(const Tree *tree, const Limit *limit, const LimitValue *value) {
    int r = note_given(tree, limit, true);
    if (r == 0)
        r = give(tree, limit, value);
    return r == 0 && !value->is_set ? note_given(tree, limit, false) : r;
}
