/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the steps of apply.c are made of, a file for each noun that they change: group, limit, filter, launch, network. */

#include "kernel/apply.h"

typedef struct Applier {
    const ApplyTarget *target;
    const Policy *policy; /* the plan's */
    const ApplyStdio *stdio;
    Starts *starts;
    int *namespace_fds; /* by group: of the starts of this plan that others share; -1: none; owned */
} Applier;

/* Words a failed step, unless somebody closer to it has done so; returns r. */
__attribute__((format(printf, 3, 4))) int step_failed(Step *step, int r, const char *format, ...);
int step_failed_cgroup(Step *step, int r, const char *path);       /* the same for a directory that could not be made */
int applier_open(const Applier *a, const char *path, int *ret_fd); /* a directory below the tree; "": the tree */
/* Meters count its processes for the slot; without one, a leaf's are counted as others. */
void applier_bind(const Applier *a, int fd, uint32_t slot, SlotRole role);
void applier_unbind(const Applier *a, int fd);

typedef int ApplyStep(const Applier *a, Step *step);

ApplyStep apply_group_create, apply_freeze, apply_group_remove, apply_leaf_remove;
ApplyStep apply_limit_set;
ApplyStep apply_freezer_start, apply_freezer_stop;
ApplyStep apply_filter_set;
ApplyStep apply_launch;
ApplyStep apply_firewall_set, apply_network_create, apply_network_remove;
/* The network namespace of a start, wired as the policy says, or that of the workload it shares it with; -1: the host's. */
int applier_wire(const Applier *a, Step *step, const Invocation *invocation, int *ret_namespace_fd);
