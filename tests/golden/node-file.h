/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The file `node` of a golden test of the plan: what holds, what the governor wishes, and what the plan is for.
 * A line of `node` is one of these, # begins a comment:
 *
 *     tree [available=LIST] [enabled=LIST] [bfq] [share=NAME [FILE=TEXT]...]... [given=KEY]...
 *         Controllers of the tree, like cpu,memory: all but hugetlb can be had, all but cpuset are enabled, if it does not
 *         say otherwise. share: the tree, then each cgroup above it that is ours, with what it has of the node. given: what
 *         an earlier plan gave it.
 *     device PATH MAJOR:MINOR [none | iocost | bfq] | ERRNO
 *         The disk that a path of the policy leads to, with what shares it out, or why to none: ENODEV.
 *     network NAME bridge=NAME subnet=ADDRESS/LENGTH... [mtu=BYTES] [ports]
 *     firewall none | same | other
 *         No table of ours, which is so if it does not say; the rules of the policy; others.
 *     slice PATH [slot=N] [controllers=LIST] [frozen]
 *     workload PATH [slot=N] [frozen]
 *         A group with our mark; its name is the last part of its path below the tree. It has the limit files of the
 *         controllers that are enabled above it, and nothing set. A slice enables what the tree does, if not told.
 *     set NAME FILE [MAJOR:MINOR] [ENTRY] TEXT
 *         What holds, in the words of the plan: "set web io.max 254:16 wbps 1000000".
 *     numbers SPECIFIER char|block MAJOR:MINOR|MAJOR:*
 *         What a DeviceAllow= means on the node; again, to add. Not said: there is no such device.
 *     filter NAME devices|addresses|binds TEXT
 *         What is attached, in the words of the plan.
 *     leaf NAME NUMBER populated | ended [recipe=same | recipe=other]
 *         Of a start, with what it was started with: what the policy says, or something else.
 *     session NAME NUMBER populated | ended
 *     wish NAME start | keep | absent
 *         The governor's. Without it: keep if a leaf is populated, else start; absent if the policy says stopped.
 *     retry NAME TIME
 *         The governor's: it is in back-off, and is started again after that time.
 *     only NAME
 *         The plan is for this object alone.
 *
 * The tree and the devices stand before the groups, a slice before what is in it, wishes at the end.
 */

#include <err.h>
#include <stdlib.h>

#include "model/plan.h"
#include "model/policy.h"

typedef struct Fixture {
    const char *directory;
    unsigned line;
    Policy *policy;
    Node node;
    Decision decision;
    char *only;
} Fixture;

static inline void *check_memory(void *memory) {
    if (!memory)
        err(EXIT_FAILURE, "malloc");
    return memory;
}

/* Into node, decision and only; the policy and the decision that it makes by itself are there. Ends the program on errors. */
void fixture_read_node(Fixture *f);
