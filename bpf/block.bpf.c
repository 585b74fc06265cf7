// SPDX-License-Identifier: GPL-2.0-or-later

/*
 * Block I/O by slot and whole disk: bytes, operations, and latency from the request's allocation to its completion,
 * the time in the I/O scheduler included.
 *
 * Whom to charge: where io is on cgroup v2, the request's first bio carries the cgroup that made the data, which for
 * buffered writeback is not the one that writes it out (block_by_bio). Else the cgroup of the task that starts the
 * request is all there is, remembered until the completion; writeback then goes uncounted.
 */

#include "lookup.h"

enum {
    STARTED_MAX = 4096, /* requests in flight; what is above goes uncounted */
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, STARTED_MAX);
    __type(key, __u64);
    __type(value, struct cgroup_slot);
} block_started SEC(".maps");

/* A request that was merged into another never completes, but its memory is soon another's: forget who had it. */
static __always_inline int start(struct request *request) {
    struct task_struct *task = bpf_get_current_task_btf();
    struct cgroup_slot *found;
    __u64 key = (__u64) request;

    found = slot_of_cgroup(task->cgroups->dfl_cgrp);
    if (found)
        bpf_map_update_elem(&block_started, &key, found, BPF_ANY);
    else
        bpf_map_delete_elem(&block_started, &key);
    return 0;
}

/* In the task that asks for the I/O. Since 6.5. */
SEC("tp_btf/block_io_start")
int BPF_PROG(block_start, struct request *request) {
    return start(request);
}

/* In a kernel worker, when the request went through a scheduler: the best there is before 6.5. */
SEC("tp_btf/block_rq_issue")
int BPF_PROG(block_issue, struct request *request) {
    return start(request);
}

static __always_inline struct cgroup_slot *slot_of_bio(struct bio *bio) {
    struct blkcg_gq *blkg = bio ? bio->bi_blkg : NULL;
    struct cgroup_slot *found;
    struct cgroup *cgroup;

    if (!blkg)
        return NULL;
    cgroup = blkg->blkcg->css.cgroup;
    if (!cgroup)
        return NULL;
    found = slot_of_cgroup_id(cgroup->kn->id);
    return found ?: nested_slot(cgroup);
}

static __always_inline struct cgroup_slot *slot_of_request(struct request *request) {
    __u64 key = (__u64) request;

    return knobs.block_by_bio ? slot_of_bio(request->bio) : bpf_map_lookup_elem(&block_started, &key);
}

static __always_inline void forget(struct request *request) {
    __u64 key = (__u64) request;

    if (!knobs.block_by_bio)
        bpf_map_delete_elem(&block_started, &key);
}

static __always_inline struct block_counts *row_of(__u32 slot, struct gendisk *disk) {
    struct block_key key = { .slot = slot, .device = (__u32) disk->major << MINOR_BITS | disk->first_minor };
    struct block_counts *counts = bpf_map_lookup_elem(&block_rows, &key), none = {};

    if (counts)
        return counts;
    if (bpf_map_update_elem(&block_devices, &key.device, &key.device, BPF_ANY) < 0)
        return NULL;
    bpf_map_update_elem(&block_rows, &key, &none, BPF_NOEXIST);
    return bpf_map_lookup_elem(&block_rows, &key);
}

static __always_inline struct block_io *direction_of(struct block_counts *counts, __u32 operation) {
    operation &= REQ_OP_MASK;
    return operation == REQ_OP_DISCARD ? &counts->io[BLOCK_DISCARD]
           : operation & 1             ? &counts->io[BLOCK_WRITE]
                                       : &counts->io[BLOCK_READ];
}

static __always_inline void count_end(struct slot *slot, struct block_io *io, __u64 started) {
    __u64 now = bpf_ktime_get_ns(), nsec = started && now > started ? now - started : 0;

    io->operations++;
    io->nsec += nsec;
    count_in(slot->block_histogram, nsec);
}

/* Once for each part of a request that completes; the last part is all that was left. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(block_complete, struct request *request, int error, unsigned int bytes) {
    struct cgroup_slot *found = slot_of_request(request);
    struct gendisk *disk = request->q->disk;
    struct block_counts *counts;
    struct block_io *io;
    struct slot *slot;

    if (!found || !disk)
        return 0;
    counts = row_of(found->slot, disk);
    slot = counters_of(found);
    if (counts && slot) {
        io = direction_of(counts, request->cmd_flags);
        io->bytes += bytes;
        if (bytes >= request->__data_len)
            count_end(slot, io, request->start_time_ns);
    }
    if (bytes >= request->__data_len)
        forget(request);
    return 0;
}
