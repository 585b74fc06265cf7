/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Node: what holds now, as read back from the kernel at one time. kernel/observe.c fills it, the plan is the difference
 * between it and the policy. Plain data; it never goes stale silently, because nobody keeps one.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "bpf/slot.h" /* SLOT_NONE */
#include "model/firewall.h"
#include "model/invocation.h"
#include "model/knob.h"
#include "model/policy.h"

/* The processes of one start: the directory NAME/N/; or of a session: NAME/xN/. */
typedef struct NodeLeaf {
    unsigned number;
    bool populated;
    bool stopping;             /* its end was asked for */
    Invocation invocation;     /* null: a leaf without our mark */
    pid_t main_pid;            /* 0: never spawned */
    uint64_t main_start_ticks; /* /proc/PID/stat field 22, guards against pid reuse */
    int report;                /* of a start that may not have exec'ed yet: the report's descriptor in the child */
    uint64_t oom_kills_before; /* that its workload had counted when it was started; UINT64_MAX: not known */
    uint64_t recipe;           /* of its workload when it was started; 0: not known */
    uint64_t cgroup_id;
} NodeLeaf;

/* A cgroup in our tree that carries our mark (xattr). */
typedef struct NodeGroup {
    char *name;
    char *parent; /* NULL: top level */
    char *path;   /* below the tree */
    GroupKind kind;
    uint64_t cgroup_id;
    uint32_t slot;        /* meter slot, SLOT_NONE if it has none */
    uint64_t restarts;    /* of its workload, as noted at its last start */
    bool frozen;          /* told to stand still; whether all do is cgroup.events' */
    uint32_t controllers; /* ControllerMask enabled for its children */
    uint64_t beside;      /* of those above: the cpu.weight of its siblings together */
    Setting *settings;    /* what holds: one for each limit whose file is there, one per device */
    size_t n_settings;
    char filters[FILTERS_COUNT][FILTER_TEXT_MAX]; /* what is attached, canonical; "" for none */
    NodeLeaf *leaves;
    size_t n_leaves;
    NodeLeaf *sessions; /* commands that `supctl exec` runs beside a start */
    size_t n_sessions;
} NodeGroup;

/* One bridge; a network whose Bridge= changed has two for a while. */
typedef struct NodeNetwork {
    char *name; /* from the alias of the bridge */
    char *bridge;
    Subnet subnets[ADDRESS_FAMILIES_COUNT]; /* by its addresses; none where it has none */
    uint64_t mtu_bytes;
    bool has_ports; /* somebody is on it */
} NodeNetwork;

/* A device path of the policy, resolved to the whole disk; error: why it could not be. `any` is there once for each disk. */
typedef struct NodeDevice {
    char *path;
    unsigned major, minor;
    Weigher weigher;
    int error; /* 0 or -errno */
} NodeDevice;

/* Controllers as a mask, in the order of controller_names[]. */
enum {
    CONTROLLER_CPU = 1 << 0,
    CONTROLLER_CPUSET = 1 << 1,
    CONTROLLER_IO = 1 << 2,
    CONTROLLER_MEMORY = 1 << 3,
    CONTROLLER_PIDS = 1 << 4,
    CONTROLLER_HUGETLB = 1 << 5,
    CONTROLLERS_COUNT = 6,
};
extern const char *const controller_names[CONTROLLERS_COUNT];
uint32_t controller_mask(const char *text); /* "cpu io memory" -> mask; unknown names are left out */
const char *controller_mask_format(
        uint32_t mask, char *buffer, size_t size); /* "+cpu +io" style is the caller's; this gives "cpu io" */

/* The one that Scheduler=freeze needs. */
typedef enum FreezerState {
    FREEZER_ABSENT,
    FREEZER_RUNS,
    FREEZER_DIED, /* its leaf is there, and whom it made stand may stand still */
} FreezerState;

typedef struct Node {
    uint32_t controllers_available; /* in the tree's cgroup.controllers */
    uint32_t controllers_enabled;   /* in the tree's cgroup.subtree_control */
    NodeGroup *groups;              /* parents before children */
    size_t n_groups;
    NodeNetwork *networks;
    size_t n_networks;
    bool firewall_seen;                     /* it was looked for */
    char firewall_seal[FIREWALL_SEAL_SIZE]; /* of the rules that hold, all of them; "": none, "other": not just so */
    NodeDevice *devices;                    /* every path that the policy names */
    size_t n_devices;
    DeviceNumbers *device_numbers; /* of every DeviceAllow= that the policy has */
    size_t n_device_numbers;
    FreezerState freezer;
    uint64_t optional_knobs; /* by KnobId: those of the optional ones that are there */
    NodeGroup *above; /* the tree itself, and the cgroups above it, up to below the root; name: what people call them */
    size_t n_above;
    size_t share;          /* the one of above that stands for the tree against the rest of the node */
    uint32_t shares_given; /* by LimitId: what the tree has by an earlier plan */
} Node;

void node_done(Node *node);
const NodeGroup *node_group(const Node *node, const char *name);
const NodeDevice *node_device(const Node *node, const char *path);
/*
 * The weight that the one of above that stands for the tree needs among its siblings, so that the tree has this much of the
 * node when all want everything; as near as there is one. 0: it has no siblings, or nothing weighs them.
 */
uint64_t node_weight_for(const Node *node, uint64_t tree_ppm);
/* What the tree has of the node when all want everything, by what holds now; 1000000: all of it. */
uint64_t node_share_ppm(const Node *node);
/* The canonical text that holds at a knob (device 0:0 unless KIND_DEVICES); NULL when its file is not there. */
const char *node_group_setting(const NodeGroup *group, KnobId knob, unsigned device_major, unsigned device_minor);
