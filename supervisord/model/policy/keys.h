/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The keys of the policy language: one row each, with its sections, its default and what it expects; the keys of limits
 * are the rows of the limits table. A draft is a section while it is being read.
 */

#include "model/policy.h"

typedef enum SectionKind {
    SECTION_SUPERVISORD,
    SECTION_SLICE,
    SECTION_WORKLOAD,
    SECTION_NETWORK,
    SECTION_KINDS_COUNT,
} SectionKind;

/* By family; KEYS_FAMILY is the number of the family's first. */
typedef enum KeyId {
    KEYS_NODE,
    KEY_SAMPLE_INTERVAL = KEYS_NODE,
    KEY_WORKLOADS_MAX,
    KEY_DRIFT,
    KEY_DRIFT_INTERVAL,
    KEY_SCHEDULER,

    KEYS_METRICS,
    KEY_METRICS = KEYS_METRICS,
    KEY_METER_MEMORY_MAX,

    KEYS_STRUCTURE,
    KEY_SLICE = KEYS_STRUCTURE,
    KEY_FROZEN,

    KEYS_CPU,
    KEY_VCPUS = KEYS_CPU,

    KEYS_EXEC,
    KEY_EXEC_START = KEYS_EXEC,
    KEY_EXEC_START_PRE,
    KEY_EXEC_START_POST,
    KEY_EXEC_STOP,
    KEY_USER,
    KEY_WORKING_DIRECTORY,
    KEY_ENVIRONMENT,
    KEY_ENVIRONMENT_FILE,
    KEY_GROUP,
    KEY_SUPPLEMENTARY_GROUPS,
    KEY_UMASK,
    KEY_NICE,
    KEY_IGNORE_SIGPIPE,
    KEY_OOM_SCORE_ADJUST,
    KEY_STANDARD_INPUT,
    KEY_STANDARD_OUTPUT,
    KEY_STANDARD_ERROR,
    KEY_LOG_RATE_LIMIT_INTERVAL,
    KEY_LOG_RATE_LIMIT_BURST,

    KEYS_RESOURCE, /* that of resource n of setrlimit(2) is KEYS_RESOURCE + n */

    KEYS_LIFE = KEYS_RESOURCE + RLIM_NLIMITS,
    KEY_RESTART = KEYS_LIFE,
    KEY_RESTART_DELAY,
    KEY_START_TIMEOUT,
    KEY_STOP_TIMEOUT,
    KEY_KILL_MODE,
    KEY_KILL_SIGNAL,
    KEY_SEND_SIGKILL,
    KEY_SUCCESS_EXIT_STATUS,
    KEY_RESTART_PREVENT_EXIT_STATUS,
    KEY_START_LIMIT_INTERVAL,
    KEY_START_LIMIT_BURST,
    KEY_COLLECT_MODE,
    KEY_STATE,

    KEYS_NETWORK,
    KEY_NETWORK = KEYS_NETWORK,
    KEY_ADDRESS,
    KEY_BRIDGE,
    KEY_SUBNET,
    KEY_MTU,
    KEY_NAT,
    KEY_WARM_POOL,
    KEY_PUBLISH,

    KEYS_FILTER,
    KEY_DEVICE_POLICY = KEYS_FILTER,
    KEY_DEVICE_ALLOW,
    KEY_IP_ADDRESS_ALLOW,
    KEY_IP_ADDRESS_DENY,
    KEY_SOCKET_BIND_ALLOW,
    KEY_SOCKET_BIND_DENY,

    KEY_LIMITS, /* that of limit n is KEY_LIMITS + n */
    KEYS_COUNT = KEY_LIMITS + LIMITS_COUNT,
} KeyId;

/* Where a key or section stands. line 0: nowhere yet. */
typedef struct Place {
    const char *file;
    unsigned line;
    bool refused; /* what it says is wrong, and reported */
} Place;

/* One line of a section. */
typedef struct Assignment {
    KeyId key;
    const char *value; /* in the text of its source */
    Place place;
} Assignment;

/* What a section says, and where, before it is checked against the others. */
typedef struct Draft {
    SectionKind kind;
    char *title;          /* "workload:web" */
    Place place;          /* where it was opened first */
    const char *file;     /* that it was opened in last */
    bool transient;       /* no other file says anything of it */
    bool refused;         /* the section itself is wrong; its keys are read only for what is wrong with them */
    void *object;         /* what most keys fill in: Settings, Workload or Network, in the policy; of a slice a Workload
                             with what it gives to those in it, owned */
    Group *group;         /* of a slice or workload. In the policy. */
    LimitValue *limits;   /* what limits fill in: of the group, or of the tree */
    char *slice_name;     /* Slice= */
    uint64_t vcpus;       /* VCPUs=; 0: not given */
    char **network_names; /* Network=bridge:NAME ...: there is room for an attachment to each; or that of workload:NAME */
    size_t attachments_allocated;
    Subnet *addresses; /* Address=, each with its prefix length; 0: not given */
    size_t n_addresses, addresses_allocated;
    size_t publications_allocated;
    Assignment *assignments; /* in the order of the sources; each but the values' texts owned */
    size_t n_assignments, assignments_allocated;
    Place places[KEYS_COUNT];  /* where it gives a key last */
    uint64_t said[KEYS_COUNT]; /* hash of what it was given, the slices around it included; 0: nothing */
} Draft;

Draft *draft_free(Draft *draft);         /* not what it fills in in the policy */
int draft_assign_defaults(Draft *draft); /* -ENOMEM */

int key_by_name(const char *name); /* a KeyId, or -1 */
const char *key_name(KeyId key);
const char *key_expects(KeyId key); /* "a number from 1 to 10000" */
bool key_belongs(KeyId key, SectionKind kind);
bool key_is_inherited(KeyId key);                /* of a slice, it is the default of the workloads in it */
bool key_is_of_recipe(KeyId key);                /* of a workload, it counts from the next start on */
bool key_has_specifiers(KeyId key);              /* they stand for something in its value */
bool key_is_list(KeyId key);                     /* may be given again, to add */
bool key_is_required(KeyId key);                 /* in each section that it belongs to */
const char *key_word(KeyId key, unsigned index); /* the words that it may begin with; NULL: no more */

/*
 * Takes the text as the key's value; "" sets it back to its default. -EINVAL or -ERANGE if it is not what the key expects,
 * and perhaps a problem (static text) that says more about it; -ENOMEM.
 */
int key_assign(KeyId key, Draft *draft, const char *text, const LimitScale *scale, const char **ret_problem);
