/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Filters on the node: eBPF programs attached to a group's directory, each with its rules in maps of its own.
 *
 * Nothing is pinned: the cgroup holds its programs, whatever becomes of us, and they go when it goes. Who a program is, it
 * carries in a map that was frozen before it was attached; so what holds can be read back by anyone, at any time.
 */

#include <stdint.h>

#include "kernel/programs.h"
#include "model/filter.h"

/*
 * The text of the rules that are attached, "" for none. Other words, which are no rules' text, when it is not what we would
 * attach: of another build, counting elsewhere, on one of its hooks only. programs may be NULL. -EPERM and the like.
 */
int filter_read(
        const Programs *programs, int cgroup_fd, uint32_t slot, FilterId filter, char ret_text[static FILTER_TEXT_MAX]);

/*
 * Attaches the rules, or takes the filter away if they have no text, and reads back. What is there is replaced in one
 * step for each hook: at no time is there none, nor two. Denials are counted for `slot`. When it fails, *ret_message may
 * say why in words.
 */
int filter_set(const Programs *programs, int cgroup_fd, uint32_t slot, const FilterRules *rules, char **ret_message);

/* Whether this kernel takes the program; changes nothing. If not, reason says why, in words. */
int filter_try(FilterId filter, char *reason, size_t size);
