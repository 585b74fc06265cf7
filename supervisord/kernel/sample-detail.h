/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * SampleDetail: what only our slots count of a group and no single number tells: histograms, and block I/O device by
 * device. A slice's is the sum of its own slot's and of what is in it.
 */

#include <stdbool.h>

#include "kernel/programs.h"

enum { SAMPLE_DEVICES_MAX = 8 }; /* of one group; more count as `other` */

typedef struct SampleDetail {
    bool has_waits, has_blocks; /* else nobody counts them here */
    uint64_t waits[HISTOGRAM_BUCKETS];
    uint64_t blocks[HISTOGRAM_BUCKETS];
    BlockRow devices[SAMPLE_DEVICES_MAX];
    size_t n_devices;
    struct block_io other[BLOCK_DIRECTIONS]; /* of devices that found no row */
} SampleDetail;

/* Adds what a slot counted. */
void sample_detail_add_slot(SampleDetail *detail, const struct slot *slot);
void sample_detail_add_device(SampleDetail *detail, const BlockRow *row);
/* Adds a child's to its slice's. */
void sample_detail_add(SampleDetail *detail, const SampleDetail *part);
/* All devices together. */
struct block_counts sample_detail_block(const SampleDetail *detail);
