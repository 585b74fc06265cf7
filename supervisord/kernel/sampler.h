/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Reads all meters of a set of groups: one iterator pass and the slots by eBPF, the cgroup's own files for what eBPF does not give here.
 * Files are opened once and read by pread. A slice's slot meters are the sum over its descendants plus its own slot
 * (where removed children were folded).
 */

#include <stdint.h>

#include "base/cleanup.h"
#include "kernel/sample-detail.h"
#include "model/meter.h"

typedef struct Sampler Sampler;

int sampler_new(Programs *programs /* may be NULL: files only */, Sampler **ret);
Sampler *sampler_free(Sampler *sampler);
DEFINE_CLEANUP(Sampler *, sampler_free);

/* Begins to follow a group. dir_fd is duplicated. parent: a name already followed, or NULL. slot: SLOT_NONE for none. -EEXIST: known already (then it is replaced when cgroup_id differs). */
int sampler_add(Sampler *sampler, const char *name, const char *parent, int dir_fd, uint64_t cgroup_id, uint32_t slot);
void sampler_remove(Sampler *sampler, const char *name);

/*
 * Reads everything once. `report` is called for each group, parents after their children; it must not add or remove
 * groups. -EMFILE, -ENFILE: all was reported, but some files could not be opened and their meters are absent.
 */
int sampler_read(Sampler *sampler, uint64_t now_usec,
        void (*report)(const char *name, const Sample *sample, void *userdata), void *userdata);

/* How often its own filters have said no, as of now. -ENODATA: it is not followed, or has no slot. */
int sampler_denials(const Sampler *sampler, const char *name, struct filter_denials *ret);
/* Its CPU account, in memory that outlives the daemon; NULL: it is not followed, or has no slot. */
struct account *sampler_account(const Sampler *sampler, const char *name);
/* As of the last read and valid until the next; NULL: the group is not followed. */
const SampleDetail *sampler_detail(const Sampler *sampler, const char *name);
