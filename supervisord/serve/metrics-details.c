/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What has labels beside the group's: histograms, block I/O device by device, denials filter by filter. */

#include "serve/metrics-internal.h"

static const Family histogram_families[METRICS_HISTOGRAM_KINDS_COUNT] = {
    [METRICS_HISTOGRAM_WAIT] = { NULL, "cpu_runqueue_wait_seconds", FAMILY_HISTOGRAM,
            "How long runnable tasks waited in a run queue.", NSEC_PER_SEC },
    [METRICS_HISTOGRAM_BLOCK] = { NULL, "fs_operation_seconds", FAMILY_HISTOGRAM,
            "How long operations on block devices took.", NSEC_PER_SEC },
};

static void begin(Exposition *out, const char *suffix, const Group *group) {
    exposition_series(out, suffix);
    if (group)
        metrics_put_group_labels(out, group);
}

void metrics_write_histogram(Exposition *out, const Group *group, const uint64_t *buckets, uint64_t sum_nsec) {
    uint64_t count = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        count += buckets[i];
        begin(out, "_bucket", group);
        if (i + 1 < HISTOGRAM_BUCKETS)
            exposition_number_label(out, "le", (uint64_t) HISTOGRAM_UNIT_NSEC << i);
        else
            exposition_label(out, "le", "+Inf");
        exposition_count(out, count);
    }
    begin(out, "_sum", group);
    exposition_value(out, sum_nsec);
    begin(out, "_count", group);
    exposition_count(out, count);
}

static void write_histograms(Text *text, MetricsHistogramKind kind, GroupKind group_kind) {
    const MetricsSource *source = text->source;
    Family family;

    metrics_group_family(&text->out, &histogram_families[kind], group_kind, &family);
    for (size_t i = 0; i < source->n_histograms; i++) {
        const MetricsHistogram *histogram = &source->histograms[i];
        if (histogram->kind == kind && histogram->group->kind == group_kind)
            metrics_write_histogram(&text->out, histogram->group, histogram->buckets, histogram->sum_nsec);
    }
}

#define DEVICE_FAMILY(name, meter_help, unit_per_base, way, member)                                   \
    {                                                                                                 \
        { NULL, "fs_device_" name "_total", FAMILY_COUNTER, meter_help, unit_per_base }, BLOCK_##way, \
                offsetof(struct block_io, member)                                                     \
    }

static const struct {
    Family family;
    unsigned direction;
    size_t offset;
} device_families[] = {
    DEVICE_FAMILY("reads_bytes", "Bytes read from the device.", 1, READ, bytes),
    DEVICE_FAMILY("writes_bytes", "Bytes written to the device.", 1, WRITE, bytes),
    DEVICE_FAMILY("reads", "Read operations on the device.", 1, READ, operations),
    DEVICE_FAMILY("writes", "Write operations on the device.", 1, WRITE, operations),
    DEVICE_FAMILY(
            "read_seconds", "Time that reads from the device took, summed over operations.", NSEC_PER_SEC, READ, nsec),
    DEVICE_FAMILY(
            "write_seconds", "Time that writes to the device took, summed over operations.", NSEC_PER_SEC, WRITE, nsec),
};

static void write_devices(Text *text, size_t row, GroupKind kind) {
    const MetricsSource *source = text->source;
    Family family;

    metrics_group_family(&text->out, &device_families[row].family, kind, &family);
    for (size_t i = 0; i < source->n_devices; i++) {
        const MetricsDevice *device = &source->devices[i];
        const char *io = (const char *) &device->io[device_families[row].direction];
        if (device->group->kind != kind)
            continue;
        exposition_series(&text->out, "");
        metrics_put_group_labels(&text->out, device->group);
        exposition_label(&text->out, "device", device->name);
        exposition_value(&text->out, *(const __u64 *) (io + device_families[row].offset));
    }
}

static void write_denials(Text *text, GroupKind kind) {
    static const Family shape = { NULL, "filter_denied_total", FAMILY_COUNTER,
        "Times that the filter denied something: a device, a packet, a bind().", 1 };
    const MetricsSource *source = text->source;
    Family family;

    metrics_group_family(&text->out, &shape, kind, &family);
    for (size_t i = 0; i < source->n_denials; i++) {
        const MetricsDenials *denials = &source->denials[i];
        if (denials->group->kind != kind)
            continue;
        exposition_series(&text->out, "");
        metrics_put_group_labels(&text->out, denials->group);
        exposition_label(&text->out, "filter", filter_name(denials->filter));
        exposition_value(&text->out, denials->count);
    }
}

void metrics_write_details(Text *text) {
    for (MetricsHistogramKind kind = 0; kind < METRICS_HISTOGRAM_KINDS_COUNT; kind++)
        for (GroupKind group_kind = GROUP_KINDS_COUNT; group_kind-- > 0;)
            write_histograms(text, kind, group_kind);
    for (size_t row = 0; row < ELEMENTSOF(device_families); row++)
        for (GroupKind kind = GROUP_KINDS_COUNT; kind-- > 0;)
            write_devices(text, row, kind);
    for (GroupKind kind = GROUP_KINDS_COUNT; kind-- > 0;)
        write_denials(text, kind);
}
