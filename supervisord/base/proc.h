/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the texts of /proc/PID/ say. proc_pid_stat(5), cgroups(7). */

#include <stdbool.h>
#include <stdint.h>

/* /proc/PID/cgroup: whether the cgroup v2 path is `place`, or below it. */
bool proc_cgroup_is_within(const char *text, const char *place);
/* A number of /proc/PID/stat, behind the name; fields are counted from 1. -EBADMSG */
int proc_stat_field(const char *text, unsigned field, uint64_t *ret);
