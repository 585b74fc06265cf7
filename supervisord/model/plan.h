/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Plan: the ordered steps from what holds (Node) to what should hold (Policy and the runs that are wanted). Pure,
 * printable, comparable. kernel/apply.c is the only one who carries it out; nothing changes the node but a plan.
 *
 * The steps of one object form a chain: when one fails, the rest of its chain is left out (-ECANCELED) and the object is
 * degraded with the failed step; other chains go on, nothing is rolled back, the next plan holds the rest.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model/node.h"
#include "model/policy.h"

typedef enum StepKind {
    STEP_CONTROLLERS_ENABLE, /* of the tree or of a group, for its children */
    STEP_FREEZER_START,      /* whom an earlier one has left standing goes on */
    STEP_TREE_SHARE,         /* unit property of the tree, asked of PID 1 */
    STEP_FIREWALL_SET,       /* NAT= and Publish= of all, in one transaction */
    STEP_NETWORK_CREATE,     /* bridge, address, up */
    STEP_GROUP_CREATE,       /* cgroup, mark, meter slot */
    STEP_FREEZE,             /* or thaw; done when all processes stand still */
    STEP_LIMIT_SET,          /* one setting */
    STEP_FILTER_SET,         /* programs on the group, or none any more */
    STEP_SPAWN,              /* leaf, network namespace if it has one, processes */
    STEP_EXEC,               /* a session: a leaf beside the running start, its namespaces, a process */
    STEP_STOP,               /* SIGTERM, later SIGKILL: the supervisor does it, without waiting for other steps */
    STEP_LEAF_REMOVE,        /* of an ended start, with what its main process left behind */
    STEP_GROUP_REMOVE,       /* empty, no longer in the policy */
    STEP_NETWORK_REMOVE,
    STEP_FREEZER_STOP, /* nobody stands any more */
    STEP_KINDS_COUNT,
} StepKind;

typedef struct Step {
    StepKind kind;
    char *object; /* slice, workload or network; "" is the tree; owned. The chain it belongs to. */
    char *path;   /* the group's directory below the tree; owned; "" for the tree; NULL for networks */
    GroupKind group_kind;
    const Group *group;     /* of plan->policy; NULL when it is gone from the policy */
    const Network *network; /* of plan->policy; NULL when it is gone */
    bool frozen;            /* STEP_FREEZE; false: thaw */
    uint32_t controllers;   /* STEP_CONTROLLERS_ENABLE */
    Setting setting;  /* STEP_LIMIT_SET: what is to hold; STEP_TREE_SHARE: the limit's first knob, and people's words */
    LimitValue share; /* STEP_TREE_SHARE: an amount, or not set: what was given is taken back */
    FilterRules rules;       /* STEP_FILTER_SET: owned */
    char *from;              /* STEP_LIMIT_SET, STEP_FILTER_SET: what holds, canonical; owned */
    char *table, *words;     /* STEP_FIREWALL_SET: the rules, NULL: they go; the same for people; owned */
    unsigned leaf;           /* STEP_SPAWN, STEP_STOP, STEP_LEAF_REMOVE; STEP_EXEC: of the start */
    unsigned session;        /* STEP_EXEC, STEP_LEAF_REMOVE: number of the session; 0: it is about a start */
    const Workload *command; /* STEP_EXEC: what to run, as whom; borrowed */
    Invocation invocation;   /* STEP_STOP, STEP_LEAF_REMOVE: whose leaf it is */
    uint64_t restarts;       /* STEP_SPAWN: that its workload has had with this one */
    uint32_t slot;           /* STEP_GROUP_REMOVE: meter slot to give back */
    int result;              /* after apply: 0, -errno, -ECANCELED; -EINPROGRESS before */
    char *message;           /* why it failed, in words; owned */
} Step;

/* A workload in back-off: no plan starts it now, a later one will. */
typedef struct Retry {
    const Group *workload; /* of plan->policy */
    uint64_t in_usec;
} Retry;

typedef struct Plan {
    Policy *policy; /* referenced: steps point into it */
    Step *steps;
    size_t n_steps, n_allocated;
    const Group **outdated; /* of policy: workloads that run with what it does not say any more; they are left alone */
    size_t n_outdated;
    Retry *retries;
    size_t n_retries;
    bool waits_for_bridge; /* one that is no network's any more stays until nobody is on it: to be planned again */
} Plan;

Plan *plan_free(Plan *plan);
DEFINE_CLEANUP(Plan *, plan_free);

/* What should become of a workload's processes. */
typedef enum Wish {
    WISH_ABSENT, /* there should be none; slices too */
    WISH_KEEP,   /* they are there, or on their way: hands off */
    WISH_START,
} Wish;

/* What should hold now beyond the policy's own words, by group index. The governor's. */
typedef struct Decision {
    Wish *wishes;       /* [n_groups] */
    uint64_t *restarts; /* [n_groups]: how often the workload will have been started again by us; NULL: never */
    uint64_t *
            retries_usec; /* [n_groups]: in how long a workload in back-off is started; 0: it is in none; NULL: none is */
    uint64_t *left_alone; /* [n_groups], by KnobId: what somebody else has set there stays; NULL: nothing does */
    size_t n_groups;
    uint64_t wake_usec; /* when to decide again at the latest; UINT64_MAX: on events only */
} Decision;

/* `only`: plan for this object and the slices above it alone; NULL: everything. -ENOMEM. */
int plan_build(Policy *policy, const Decision *decision, const Node *node, const char *only, Plan **ret);

/* Adds a session to a plan: the command is to live as long as the plan. -ESRCH: the workload does not run. */
int plan_add_exec(Plan *plan, const Node *node, const char *workload, unsigned session, const Workload *command);

enum { STEP_TEXT_MAX = 1024 }; /* for a buffer; longer lines are cut */

/* "set web memory.max 1048576 (was max)"; one line without newline. Returns buffer. */
const char *step_format(const Step *step, char *buffer, size_t size);
/* The same, and what came of it when that is not success: "...: failed: no such device", "...: left out". Returns buffer. */
const char *step_report(const Step *step, char *buffer, size_t size);
const char *outdated_format(const Group *workload, char *buffer, size_t size); /* the same for one that is outdated */
const char *retry_format(const Retry *retry, char *buffer, size_t size);
/* Why it failed, in words: borrowed. */
const char *step_why(const Step *step);
