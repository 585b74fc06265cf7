/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Our eBPF programs: run-queue wait, block I/O, network, exit records, and the one-pass reading of all cgroups.
 *
 * Maps and links are pinned, so that counting goes on, and counters are kept, while the daemon is away or replaced. Each
 * program stands alone: one that this kernel refuses is a state with a reason, and the others go on. Cgroups are named
 * by id (the inode number of their directory). What is counted is laid out in bpf/slot.h.
 *
 * Threads: programs_open and programs_close run alone. programs_refresh, programs_read_* and programs_slot_fold belong to
 * one thread (the loop): folding there, in the same turn in which the child is forgotten, keeps a sum over a slice from
 * counting it twice or stepping back. All else may be called from any thread at any time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "bpf/filter.h"
#include "bpf/slot.h"

typedef struct Programs Programs;

typedef struct ProgramsConfig {
    const char *pin_dir; /* below a bpf file system; what is made there has mode 0700. NULL: nothing is pinned */
    int tree_fd;         /* cgroup v2 directory that has all we bind below it; -1: no network and cgroup counters */
    uint32_t slots_max;  /* maps that are pinned already keep the number they were made with: programs_slots_max() */
    bool no_storage;     /* look slots up by cgroup id even where CGRP_STORAGE is there (as 6.1 does) */
} ProgramsConfig;

/* Fails only for want of memory or descriptors. -EINVAL: slots_max is 0 or silly. */
int programs_open(const ProgramsConfig *config, Programs **ret);
/* What is pinned stays and goes on counting; what is not ends. */
Programs *programs_close(Programs *programs);
DEFINE_CLEANUP(Programs *, programs_close);
/* The newest layout pinned there that is newer than ours; 0: none. Only a daemon that knows it may go on with it. */
unsigned programs_newer_layout(const char *pin_dir);

typedef struct ProgramState {
    const char *name; /* "wait"; the first row is "maps": what all others need */
    const char *hook; /* "sched_switch" */
    bool loaded;
    bool needed;       /* false: another program does it on this kernel */
    char reason[160];  /* why not loaded or, if it is, what is lacking ("not pinned: ..."); else empty */
    uint64_t run_nsec; /* 0 unless measured, programs_measure() */
    uint64_t runs;
} ProgramState;

enum { PROGRAM_STATES_MAX = 16 }; /* there are fewer */
/* Fills up to max rows; returns how many there are. */
size_t programs_states(Programs *programs, ProgramState *ret, size_t max);
/* Has the kernel time each run. Costs 20 to 60 nsec a run, of every BPF program on the machine: only for looking. */
int programs_measure(Programs *programs, bool on);
/* Kernel memory of all maps, as the kernel accounts it. */
uint64_t programs_map_bytes(Programs *programs);

/* Slots. Errors: -ENOSPC none free; -ENODATA: there are no maps (see programs_states). */
uint32_t programs_slots_max(const Programs *programs);
int programs_slot_alloc(Programs *programs, uint32_t *ret_slot); /* never SLOT_OTHER; zeroed */
int programs_slot_claim(Programs *programs, uint32_t slot);      /* in use on the node already; -ERANGE, -EBUSY */
int programs_slot_free(Programs *programs, uint32_t slot);       /* zeroes it; unbind its cgroups first */
/* Adds what `from` has counted to `to`, and zeroes `from`: a removed child's to its parent's. */
int programs_slot_fold(Programs *programs, uint32_t from, uint32_t to);
/* Whose slot gets what this one has counted, even if the daemon dies meanwhile; SLOT_OTHER: nobody's. */
int programs_slot_bequeath(Programs *programs, uint32_t slot, uint32_t heir);
int programs_slot_release(Programs *programs, uint32_t slot); /* its group is gone: folded, and free */
/*
 * After all that are in use were claimed: completes a fold that a daemon died in, and folds those whose groups went when
 * no daemon was there any more to do it.
 */
int programs_slots_recover(Programs *programs);

/* Two map updates, none where it is bound so already. Binding again moves the cgroup to another slot. */
int programs_bind(Programs *programs, int cgroup_fd, uint64_t cgroup_id, uint32_t slot, SlotRole role);
/* cgroup_fd -1: the directory is gone, and its storage with it. 0 when it was not bound. */
int programs_unbind(Programs *programs, int cgroup_fd, uint64_t cgroup_id);

/* One pass of the iterator over the tree. -ENODATA: it is not loaded. */
int programs_refresh(Programs *programs);
/* Summed over CPUs, with what was folded in. Members whose program is not loaded are COUNTER_ABSENT. */
int programs_read_slot(Programs *programs, uint32_t slot, struct slot *ret);
/* As of the last refresh; members that the kernel or the cgroup lacks are COUNTER_ABSENT. -ENODATA: not met in it. */
int programs_read_cgroup(Programs *programs, uint32_t slot, struct cgroup_counters *ret);

/* How often each of the group's own filters (kernel/filter.h) has said no; never folded. */
int programs_read_denials(Programs *programs, uint32_t slot, struct filter_denials *ret);

/* The group's CPU account (model/account.h), in memory that outlives the daemon; NULL: there is none. Never folded. */
struct account *programs_account(Programs *programs, uint32_t slot);

typedef struct BlockRow {
    dev_t device; /* the whole disk, as stat() has it */
    struct block_io io[BLOCK_DIRECTIONS];
} BlockRow;

/* Returns the first max rows; *ret_n is how many there are. -ENODATA: the program is not loaded. */
int programs_read_block(Programs *programs, uint32_t slot, BlockRow *ret, size_t max, size_t *ret_n);

/* Exit records. start_ticks is field 22 of /proc/PID/stat. */
int programs_exit_register(
        Programs *programs, pid_t pid, uint64_t start_ticks, const uint8_t invocation[static INVOCATION_SIZE]);
/* -ENOENT: it has not ended (or was never registered). -ENODATA: the program is not loaded. */
int programs_exit_read(Programs *programs, const uint8_t invocation[static INVOCATION_SIZE], struct exit_record *ret);
/* Drops the record and, when pid is not 0, a registration that is still waiting. */
int programs_exit_forget(Programs *programs, pid_t pid, const uint8_t invocation[static INVOCATION_SIZE]);
/* Drops all records and registrations but those of which `is_known` says that somebody may still ask. */
void programs_exits_sweep(Programs *programs,
        bool (*is_known)(const uint8_t invocation[static INVOCATION_SIZE], const void *userdata), const void *userdata);
/* Records that were lost because EXITS_MAX others had not been forgotten. */
int programs_exits_lost(Programs *programs, uint64_t *ret);
