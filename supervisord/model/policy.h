/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Policy: parsed, checked, frozen desired state. Loaded whole, replaced whole at reload, shared by reference between the
 * loop thread and the apply worker, never changed. policy/load.c makes it from INI files, policy/amend.c from another.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/strv.h"
#include "model/address.h"
#include "model/diagnostics.h"
#include "model/filter.h"
#include "model/knob.h"
#include "model/meter.h"

enum {
    GROUPS_MAX = 4096, /* slices and workloads of one policy */
    NETWORKS_MAX = 64,
    ATTACHMENTS_MAX = 8,              /* networks of one workload */
    NETWORK_MTU_BYTES_DEFAULT = 1500, /* MTU= */
    NETWORK_WARM_POOL_DEFAULT = 2,    /* WarmPool= */
    SLICE_DEPTH_MAX = 16,
    POLICY_LINE_MAX = 32768, /* bytes of one line, without its end */
    ARGUMENTS_MAX = 1024,    /* words of ExecStart= */
    ENVIRONMENT_MAX = 1024,  /* assignments of Environment=, and of all EnvironmentFile= */
    ENVIRONMENT_FILES_MAX = 64,
    COMMANDS_MAX = 64, /* of one key */
    ENVIRONMENT_FILE_BYTES_MAX = 1024 * 1024,
    SUPPLEMENTARY_GROUPS_MAX = 1024,
};

#define STOP_TIMEOUT_USEC_DEFAULT (UINT64_C(10) * 1000 * 1000) /* TimeoutStopSec= */
#define ENDING_DEFAULT \
    { .timeout_usec = STOP_TIMEOUT_USEC_DEFAULT, .mode = KILL_CONTROL_GROUP, .signal = SIGTERM, .send_sigkill = true }

typedef struct Group Group;
typedef struct Workload Workload;
typedef struct Network Network;
typedef struct Policy Policy;

/* Where in the input something was said. */
typedef struct Origin {
    char *file; /* owned */
    unsigned line;
} Origin;

typedef enum GroupKind {
    GROUP_SLICE,
    GROUP_WORKLOAD,
    GROUP_KINDS_COUNT,
} GroupKind;

/* A slice or a workload: what owns one cgroup with limits. Names are unique among both. */
struct Group {
    char *name;
    unsigned n_references; /* atomic: by policies, of which one may be the other with an amendment, and by `lender` */
    Group *lender;         /* owns all that this one points to; NULL: this one does */
    GroupKind kind;
    Group *parent; /* the slice it is in, NULL: top level; in the same policy */
    size_t index;  /* in policy->groups */
    LimitValue limits[LIMITS_COUNT];
    Filters filters;
    unsigned metrics;   /* Metrics=: bit per MeterSet; 0: not given */
    bool frozen;        /* Frozen=: its processes stand still */
    Workload *workload; /* NULL for a slice; owned */
    Origin origin;
};

typedef enum RestartPolicy {
    RESTART_NO,
    RESTART_ON_SUCCESS,
    RESTART_ON_FAILURE,
    RESTART_ON_ABNORMAL,
    RESTART_ON_ABORT,
    RESTART_ALWAYS,
    RESTART_POLICIES_COUNT,
} RestartPolicy;

/* Whom a stop signals first. All are killed when that has not ended them. */
typedef enum KillMode {
    KILL_CONTROL_GROUP, /* all processes of the start */
    KILL_MIXED,         /* the main process; what it leaves behind is killed at once */
    KILL_MODES_COUNT,
} KillMode;

/* Ways to end: exit codes, and signals by number. */
typedef struct ExitSet {
    uint64_t codes[4]; /* a bit each */
    uint64_t signals;
} ExitSet;

/* How a start is ended. */
typedef struct Ending {
    uint64_t timeout_usec; /* from the signal to SIGKILL */
    KillMode mode;
    int signal;
    bool send_sigkill; /* else what does not end goes on */
} Ending;

typedef enum OutputKind {
    OUTPUT_JOURNAL,
    OUTPUT_NULL,
    OUTPUT_FILE, /* written from its beginning, not truncated: systemd.exec(5) */
    OUTPUT_APPEND,
    OUTPUT_TRUNCATE,
    OUTPUT_INHERIT, /* standard error only: where standard output goes */
    OUTPUT_KINDS_COUNT,
} OutputKind;

typedef struct Output {
    OutputKind kind;
    char *path; /* OUTPUT_FILE, OUTPUT_APPEND, OUTPUT_TRUNCATE */
} Output;

/* How many lines may go to the journal in which time; AMOUNT_INFINITY each: not given. */
typedef struct LogRate {
    uint64_t interval_usec, burst;
} LogRate;

/* One resource of setrlimit(2), in its units; AMOUNT_INFINITY is RLIM_INFINITY. */
typedef struct ResourceLimit {
    bool is_set; /* else as the daemon was given it */
    uint64_t soft, hard;
} ResourceLimit;

typedef enum NetworkMode {
    NETWORK_HOST,
    NETWORK_PRIVATE,  /* a namespace with only loopback */
    NETWORK_BRIDGE,   /* a namespace with a veth on the bridge of each of its networks */
    NETWORK_WORKLOAD, /* the namespace of another workload */
    NETWORK_MODES_COUNT,
} NetworkMode;

/* One of ExecStartPre=, ExecStartPost=, ExecStop=. */
typedef struct Command {
    char **arguments;
    bool may_fail;
} Command;

typedef struct Commands {
    Command *items; /* run one after the other */
    size_t n;
} Commands;

/* What is executed, as whom, with what around it. */
typedef struct Exec {
    char **arguments;            /* ExecStart=, the first is an absolute path; at least one */
    Commands start_pre;          /* before that */
    Commands start_post;         /* beside it, once it is executed */
    Commands stop;               /* beside it, when it is asked to end, before the signal */
    char **environment;          /* NAME=value */
    char **environment_files;    /* absolute; with `-` in front it need not be there */
    char *user;                  /* NULL: root */
    char *group;                 /* NULL: the user's */
    char **supplementary_groups; /* beside those that the user is in */
    char *working_directory;     /* absolute; NULL: / */
    char *input_path;            /* NULL: /dev/null */
    Output output, error;
    LogRate log_rate;
    ResourceLimit resource_limits[RLIM_NLIMITS];
    int64_t nice, oom_score_adjust;
    uint64_t umask;
    bool ignore_sigpipe;
} Exec;

/* Which ends a workload that no file speaks of is forgotten after. */
typedef enum CollectMode {
    COLLECT_INACTIVE, /* those that are no failure */
    COLLECT_INACTIVE_OR_FAILED,
    COLLECT_MODES_COUNT,
} CollectMode;

/* When it starts, ends and starts again. */
typedef struct Life {
    RestartPolicy restart;
    uint64_t restart_usec;       /* the first back-off, doubled up to RESTART_USEC_MAX when it is less */
    uint64_t start_timeout_usec; /* from the spawn to the exec of ExecStart= */
    Ending ending;
    ExitSet success;         /* beside those that are a success anyway */
    ExitSet restart_prevent; /* ends after which Restart= does not count */
    uint64_t start_limit_interval_usec,
            start_limit_burst; /* no more starts by itself within the interval; 0: as many as come */
    CollectMode collect;
    bool running; /* State=: what the user wants; `supctl stop` says stopped in a drop-in */
} Life;

/* A workload on a network: one interface. */
typedef struct Attachment {
    Network *network;                          /* in the same policy */
    Address addresses[ADDRESS_FAMILIES_COUNT]; /* one of each family of which the network has a subnet */
    bool leased[ADDRESS_FAMILIES_COUNT];       /* from the network's pool, not by Address= */
} Attachment;

/* A port of the host that leads to one of a workload. */
typedef struct Publication {
    Address at; /* of the host; none: each that it has */
    bool udp;   /* else TCP */
    uint16_t host_port, port;
} Publication;

/* Whom it can talk to. */
typedef struct Wiring {
    NetworkMode mode;
    Attachment *attachments; /* NETWORK_BRIDGE: eth0, eth1, ...; the first has the default route */
    size_t n_attachments;
    Publication *publications; /* NETWORK_BRIDGE */
    size_t n_publications;
    const Group *owner; /* NETWORK_WORKLOAD: whose namespace it is. In the same policy. */
    bool shared;        /* it is such an owner */
} Wiring;

struct Workload {
    Exec exec;
    Life life;
    Wiring wiring;
    bool transient;  /* comes from the runtime directory */
    uint64_t recipe; /* hash of what a start takes from the policy, however it is spread over files; not 0 */
};

struct Network {
    char *name;
    char *bridge;                           /* interface name, < IFNAMSIZ */
    Subnet subnets[ADDRESS_FAMILIES_COUNT]; /* with the bridge's own address; at least one */
    uint64_t mtu_bytes;
    uint64_t warm_pool; /* namespaces that are made before anybody starts in them */
    bool nat;           /* what its workloads send elsewhere goes out under the host's address */
    size_t index;
    Origin origin;
};

/* What to do when somebody else has set a knob. */
typedef enum DriftPolicy {
    DRIFT_REPORT,
    DRIFT_REPAIR,
    DRIFT_POLICIES_COUNT,
} DriftPolicy;

/* [supervisord] */
typedef struct Settings {
    Scheduler scheduler;
    DriftPolicy drift;
    uint64_t drift_interval_usec; /* between looks, where the kernel does not tell */
    uint64_t sample_interval_usec;
    uint64_t workloads_max;        /* meter slots */
    uint64_t meter_memory_max;     /* bytes that the slots may take */
    unsigned metrics;              /* Metrics= of the node, as of a group */
    LimitValue tree[LIMITS_COUNT]; /* the tree's own share of the node: LIMIT_OWNERS_GROUPS_AND_TREE */
    uint64_t tree_cpu_ppm; /* what it needs of the node's CPU time so that reserves in it hold; 0: there are none */
} Settings;

struct Policy {
    unsigned n_references; /* atomic */
    Policy *base;          /* what this one is an amendment of: owns networks and settings; NULL: this one does */
    Group **groups;        /* parents before children, else in the order of the files */
    size_t n_groups;
    Group **by_name; /* the same groups sorted by name, for policy_group(); a load and a plan ask for each of them */
    Network **networks;
    size_t n_networks;
    Settings settings;
};

void policy_index_group(Policy *policy, Group *group); /* the last of groups, into by_name, which has room for it */
void workload_free(Workload *workload);                /* accepts NULL */
Group *group_ref(Group *group);
void group_unref(Group *group); /* with the last one goes what it points to, but nothing of the policy; accepts NULL */
Policy *policy_ref(Policy *policy);
Policy *policy_unref(Policy *policy); /* accepts NULL, returns NULL */
DEFINE_CLEANUP(Policy *, policy_unref);

bool exit_set_has(const ExitSet *set, bool signaled, int code); /* code: the signal's number when signaled */
void commands_done(Commands *commands);

Group *policy_group(const Policy *policy, const char *name);     /* NULL if there is none */
Network *policy_network(const Policy *policy, const char *name); /* NULL if there is none */

/*
 * Whether it has a filter of its own. As with systemd, the address lists of a workload and of its slices are one, and only
 * workloads, which have the processes, have the filter.
 */
bool group_is_filtered(const Group *group, FilterId filter);
/* What is exported of it, a bit per MeterSet: its own Metrics=, that of the nearest slice above, the node's, else the default. */
unsigned policy_metrics_of(const Policy *policy, const Group *group);

const char *group_kind_name(GroupKind kind);            /* "slice", "workload" */
const char *restart_policy_name(RestartPolicy restart); /* "on-failure" */
const char *kill_mode_name(KillMode mode);              /* "control-group" */
const char *collect_mode_name(CollectMode mode);        /* "inactive" */
const char *network_mode_name(NetworkMode mode);        /* "bridge" */
const char *output_kind_name(OutputKind kind);
/* Whether there is a limit; what is not given of it is as journald.conf(5) has it. ret untouched when there is none. */
bool log_rate_limited(const LogRate *rate, LogRate *ret);

/* Itself or the nearest slice above that is frozen; NULL: none is. */
const Group *group_frozen_by(const Group *group);
/* Whether what it asks for depends on which disks there are. */
bool policy_names_devices(const Policy *policy);

/* "slice/inner/web": the group's directory below the tree. -ENAMETOOLONG. */
int group_path(const Group *group, char *buffer, size_t size);
/* Beside the groups of the tree, of no name that a group can have: where those live that limit the rate of output. */
#define RELAY_LEAF ".relay"
/* And the freezer. */
#define FREEZER_LEAF ".freezer"
/* The directory name of a group: a name that meets a kernel file ("cpu.max", "cgroup.procs") gets `_` in front. */
const char *group_directory(const char *name, char *buffer, size_t size);
