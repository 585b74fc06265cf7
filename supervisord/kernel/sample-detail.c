/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Sums of what slots counted, bounded however many devices there are. */

#include "kernel/sample-detail.h"

static void add_buckets(uint64_t *to, const void *from) {
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to[i] += ((const uint64_t *) from)[i];
}

void sample_detail_add_slot(SampleDetail *detail, const struct slot *slot) {
    if (slot->waits != COUNTER_ABSENT) {
        add_buckets(detail->waits, slot->wait_histogram);
        detail->has_waits = true;
    }
    if (slot->block_histogram[0] != COUNTER_ABSENT) {
        add_buckets(detail->blocks, slot->block_histogram);
        detail->has_blocks = true;
    }
}

static void add_io(struct block_io *to, const struct block_io *from) {
    for (size_t i = 0; i < BLOCK_DIRECTIONS; i++) {
        to[i].bytes += from[i].bytes;
        to[i].operations += from[i].operations;
        to[i].nsec += from[i].nsec;
    }
}

static struct block_io *row_of(SampleDetail *detail, dev_t device) {
    size_t i = 0;

    while (i < detail->n_devices && detail->devices[i].device != device)
        i++;
    if (i == SAMPLE_DEVICES_MAX)
        return detail->other;
    if (i == detail->n_devices)
        detail->devices[detail->n_devices++] = (BlockRow){ .device = device };
    return detail->devices[i].io;
}

void sample_detail_add_device(SampleDetail *detail, const BlockRow *row) {
    add_io(row_of(detail, row->device), row->io);
}

void sample_detail_add(SampleDetail *detail, const SampleDetail *part) {
    add_buckets(detail->waits, part->waits);
    add_buckets(detail->blocks, part->blocks);
    detail->has_waits = detail->has_waits || part->has_waits;
    detail->has_blocks = detail->has_blocks || part->has_blocks;
    for (size_t i = 0; i < part->n_devices; i++)
        sample_detail_add_device(detail, &part->devices[i]);
    add_io(detail->other, part->other);
}

struct block_counts sample_detail_block(const SampleDetail *detail) {
    struct block_counts sum = { 0 };

    for (size_t i = 0; i < detail->n_devices; i++)
        add_io(sum.io, detail->devices[i].io);
    add_io(sum.io, detail->other);
    return sum;
}
