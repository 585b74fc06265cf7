/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libFuzzer: any bytes as a policy file give a policy whose groups all have a place, or else errors. */

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#include "model/policy-load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition) {
    if (!condition)
        abort();
}

static void check_policy(const Policy *policy) {
    char path[SLICE_DEPTH_MAX * 80];

    for (size_t i = 0; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i];

        demand(group->index == i && policy_group(policy, group->name) == group);
        demand(!group->parent || group->parent->index < i);
        demand(group_path(group, path, sizeof(path)) == 0);
        demand(!group->workload || group->workload->exec.arguments[0][0] == '/');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const HostFacts facts = { .scale = { .memory_total_bytes = UINT64_C(1) << 30, .page_bytes = 4096 },
        .name = "node" };
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    _cleanup_(cleanup_policy_unref) Policy *policy = NULL;
    _cleanup_(cleanup_close) int fd = memfd_create("policy", MFD_CLOEXEC);
    char path[64];

    demand(fd >= 0 && write(fd, data, size) == (ssize_t) size);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

    const PolicyPaths paths = { .files = (char *[]){ path, NULL } };
    int r = policy_load(&paths, &facts, &diagnostics, &policy);
    demand(r == 0 || r == -EBADMSG);
    demand((r == 0) == (policy != NULL) && (r == 0) == !diagnostics_any(&diagnostics));
    if (policy)
        check_policy(policy);
    return 0;
}
