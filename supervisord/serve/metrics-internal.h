/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the files behind metrics.h share. Nobody else includes it. */

#include "serve/metrics.h"

#define NSEC_PER_SEC UINT64_C(1000000000)
#define DAEMON_PREFIX "supervisord_"

typedef struct Text {
    const MetricsSource *source;
    const LedgerEntry *entries[GROUPS_MAX]; /* by index in the policy; NULL: nothing is known of it */
    unsigned sets[GROUPS_MAX];              /* the same: what is asked for, a bit per MeterSet */
    Exposition out;
} Text;

static inline uint64_t realtime_usec(const MetricsSource *source, uint64_t usec) {
    return usec + (uint64_t) source->realtime_offset_usec;
}

/* The group is NULL where the family has no group labels. */
void metrics_write_histogram(Exposition *out, const Group *group, const uint64_t *buckets, uint64_t sum_nsec);

void metrics_write_groups(Text *text);  /* metrics-groups.c */
void metrics_write_details(Text *text); /* metrics-details.c: what Metrics= asks for beyond the meters, and filters */
void metrics_put_group_labels(Exposition *out, const Group *group);
void metrics_group_family(Exposition *out, const Family *shape, GroupKind kind, Family *buffer);
