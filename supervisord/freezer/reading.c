/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Descriptors are kept open: a turn reads two small files of each workload that may run. */

#include "freezer/reading.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "kernel/cgroup.h"
#include "model/knob.h"

enum { FILE_BYTES_MAX = 4096, QUOTA_USEC_MAX = 1000 * 1000 * 1000, WEIGHT_MAX = 10000 };

static uint64_t read_setting(int dir_fd, KnobId knob, uint64_t *ret_second) {
    char text[SETTING_TEXT_MAX];
    uint64_t first = UINT64_MAX, second = 0;
    if (cgroup_setting_read(dir_fd, knobs[knob].file, text, sizeof text) < 0 ||
            sscanf(text, "%" SCNu64 " %" SCNu64, &first, &second) < 1)
        first = UINT64_MAX;
    if (ret_second)
        *ret_second = second;
    return first;
}

void reading_settings(int dir_fd, Duty *duty) {
    uint64_t weight = read_setting(dir_fd, KNOB_FREEZER_WEIGHT, NULL), period, burst;
    uint64_t quota = read_setting(dir_fd, KNOB_FREEZER_MAX, &period);
    burst = read_setting(dir_fd, KNOB_FREEZER_BURST, NULL);
    duty->weight = weight <= WEIGHT_MAX ? weight : 100;
    duty->quota_usec = quota <= QUOTA_USEC_MAX && period > 0 ? quota : UINT64_MAX;
    duty->period_usec = period;
    duty->burst_usec = burst <= QUOTA_USEC_MAX ? burst : 0;
}

static uint64_t read_used(const Member *member) {
    char text[FILE_BYTES_MAX];
    uint64_t usec;
    return file_pread(member->stat_fd, text, sizeof text) > 0 && flat_key_u64(text, "usage_usec", &usec) == 0
                   ? usec
                   : member->usage_usec;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234"; UINT64_MAX: the kernel does not tell. */
static uint64_t read_waited(const Member *member) {
    char text[FILE_BYTES_MAX];
    uint64_t usec;
    if (member->pressure_fd < 0 || file_pread(member->pressure_fd, text, sizeof text) <= 0)
        return UINT64_MAX;
    const char *total = strstr(text, "total=");
    return total && sscanf(total, "total=%" SCNu64, &usec) == 1 ? usec : UINT64_MAX;
}

void reading_begin(Member *member) {
    member->stat_fd = openat(member->dir_fd, "cpu.stat", O_RDONLY | O_CLOEXEC);
    member->pressure_fd = openat(member->dir_fd, "cpu.pressure", O_RDONLY | O_CLOEXEC);
    member->usage_usec = read_used(member);
    member->wait_usec = read_waited(member);
}

static uint64_t since(uint64_t *before, uint64_t now) {
    uint64_t grown = now > *before ? now - *before : 0;
    *before = now;
    return grown;
}

/* Where the kernel does not tell who waits, whoever runs is taken to want more. */
bool reading_usage(Member *member, Duty *duty, uint64_t elapsed_usec) {
    duty->used_usec = duty->waited_usec = 0;
    if (member->n_leaves == 0)
        return false;
    uint64_t waited = read_waited(member);
    duty->used_usec = since(&member->usage_usec, read_used(member));
    if (waited != UINT64_MAX)
        duty->waited_usec = since(&member->wait_usec, waited);
    else
        duty->waited_usec = duty->used_usec > 0 ? elapsed_usec : 0;
    if (duty->waited_usec > elapsed_usec)
        duty->waited_usec = elapsed_usec;
    return duty->used_usec + duty->waited_usec > 0;
}
