/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A policy of one text, for tests of what is made of policies. The caller's to unref. */

#include "base/cleanup.h"
#include "model/policy/load.h"
#include "tests/unit/check.h"

static inline Policy *policy_of_text(const char *text) {
    const HostFacts facts = { .scale = { .memory_total_bytes = UINT64_C(1) << 30, .page_bytes = 4096, .cpus = 2 },
        .name = "node" };
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    _cleanup_(sources_done) Sources files = {}, transient = {};
    Policy *policy = NULL;

    CHECK_EQ(sources_put(&files, SOURCE_FILE, "files", text), 0);
    CHECK_EQ(policy_parse(&files, &transient, NULL, &facts, &diagnostics, &policy), 0);
    return policy;
}
