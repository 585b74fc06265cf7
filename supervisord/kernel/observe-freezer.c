/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the freezer goes by stands on the groups' directories themselves. Where there is none, and none is wanted, nobody looks. */

#include <errno.h>

#include "kernel/cgroup.h"
#include "kernel/freezer.h"
#include "kernel/observer.h"

#define IS_THERE(node, knob) ((node)->optional_knobs & UINT64_C(1) << (knob)->id)

int observe_freezer(Observer *o) {
    int r = freezer_state(o->tree->fd, &o->node->freezer);
    bool matters = o->node->freezer != FREEZER_ABSENT || o->policy->settings.scheduler == SCHEDULER_FREEZE;
    FOREACH_KNOB (knob) {
        if (matters && knob_is_of_freezer(knob))
            o->node->optional_knobs |= UINT64_C(1) << knob->id;
    }
    return r;
}

const char *observe_freezer_setting(const Observer *o, int dir_fd, const Knob *knob, char *buffer, size_t size) {
    if (!knob_is_of_freezer(knob) || !IS_THERE(o->node, knob))
        return NULL;
    return cgroup_setting_read(dir_fd, knob->file, buffer, size) < 0 ? knob->unset : buffer;
}
