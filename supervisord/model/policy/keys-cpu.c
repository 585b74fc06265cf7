/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is said of CPUs beside the limits themselves; checks turn it into limits. */

#include "model/policy/key.h"

#include <errno.h>

#include "base/parse.h"

static int assign_vcpus(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    uint64_t vcpus = 0;

    int r = *text ? parse_u64(text, &vcpus) : 0;
    if (r < 0)
        return r;
    if (*text && (vcpus < key->minimum || vcpus > key->maximum))
        return -ERANGE;
    draft->vcpus = vcpus;
    return 0;
}

const Key keys_cpu[] = {
    [KEY_VCPUS - KEYS_CPU] = {
        .name = "VCPUs",
        .sections = IN_GROUPS,
        .assign = assign_vcpus,
        .expects = "a number of CPUs from 1 to 1024",
        .minimum = 1,
        .maximum = CPUS_MAX,
    },
};
