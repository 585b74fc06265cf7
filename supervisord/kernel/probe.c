/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Looks, never changes. A row says enforced only when the mechanism is there and nothing known voids it; otherwise it
 * says what was found and what an administrator can do about it.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "kernel/cgroup.h"
#include "kernel/device.h"
#include "kernel/filter.h"
#include "kernel/firewall.h"
#include "kernel/freezer.h"
#include "kernel/probe.h"
#include "model/duty.h"
#include "model/node.h"

static const char *const state_names[PROBE_STATES_COUNT] = {
    [PROBE_ENFORCED] = "enforced", [PROBE_MEASURED] = "measured", [PROBE_ABSENT] = "absent"
};

const char *probe_state_name(ProbeState state) {
    return state_names[state];
}

typedef struct Prober {
    ProbeRow *rows;
    size_t n;
    const Tree *tree;
    Programs *programs;
    char *mount;               /* of cgroup2; NULL */
    uint32_t at_root, at_tree; /* controllers */
    FreezerState freezer;
} Prober;

__attribute__((format(printf, 3, 4))) static void say(char *text, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, size, format, arguments);
    va_end(arguments);
}

#define WHY(row, ...) say((row)->why, sizeof(row)->why, __VA_ARGS__)
#define CURE(row, ...) say((row)->cure, sizeof(row)->cure, __VA_ARGS__)

static ProbeRow *add_row(Prober *p, const char *share, const char *mechanism, ProbeState state) {
    static ProbeRow overflow;
    ProbeRow *row = p->n < PROBE_ROWS_MAX ? p->rows + p->n++ : &overflow;
    *row = (ProbeRow){ .share = share, .mechanism = mechanism, .state = state };
    return row;
}

/* --- cgroup controllers ------------------------------------------------------------------------------------------ */

/* /proc/cgroups: name, hierarchy, number, enabled. A hierarchy other than 0 is a v1 mount. */
static bool line_of_controller(const char *controller, unsigned *ret_hierarchy) {
    char text[4096], name[32];
    unsigned hierarchy;
    if (file_read_at(AT_FDCWD, "/proc/cgroups", text, sizeof text) < 0)
        return false;
    for (char *line = text; line; line = (line = strchr(line, '\n')) ? line + 1 : NULL)
        if (sscanf(line, "%31s %u", name, &hierarchy) == 2 && strcmp(name, controller) == 0) {
            *ret_hierarchy = hierarchy;
            return true;
        }
    return false;
}

/* /proc/cgroups has v1's names. */
static const char *v1_name(const char *controller) {
    return strcmp(controller, "io") == 0 ? "blkio" : controller;
}

static void explain_no_mount(ProbeRow *row) {
    WHY(row, "cgroup v2 is not mounted");
    CURE(row, "mount -t cgroup2 none /sys/fs/cgroup, or boot with systemd.unified_cgroup_hierarchy=1");
}

/* The root of all cgroups has no cgroup.events: a mount that has it shows a part of the tree, as a container sees it. */
static bool mount_is_partial(const Prober *p) {
    char path[4096];
    snprintf(path, sizeof path, "%s/cgroup.events", p->mount);
    return access(path, F_OK) == 0;
}

static void explain_absent_controller(const Prober *p, const char *controller, uint32_t bit, ProbeRow *row) {
    unsigned hierarchy = 0;
    bool known = line_of_controller(v1_name(controller), &hierarchy);
    if (!p->mount)
        explain_no_mount(row);
    else if (known && hierarchy != 0) {
        WHY(row, "the %s controller is bound to a cgroup v1 hierarchy (hybrid layout)", controller);
        CURE(row, "boot with systemd.unified_cgroup_hierarchy=1");
    } else if (p->at_root & bit) {
        WHY(row, "the %s controller is not handed down to %s", controller, p->tree ? p->tree->path : "the tree");
        if (bit == CONTROLLER_HUGETLB)
            CURE(row,
                    "echo +hugetlb to cgroup.subtree_control of each cgroup above the tree: systemd knows no hugetlb");
        else
            CURE(row, "Delegate=%s in the unit that holds the tree, or '+%s' in cgroup.subtree_control above it",
                    controller, controller);
    } else if (mount_is_partial(p)) {
        WHY(row, "the %s controller is not handed down to this container", controller);
        CURE(row, "have it delegated to the container's cgroup: Delegate=%s in its unit, or its engine's option",
                controller);
    } else {
        WHY(row, "this kernel offers no %s controller", controller);
        CURE(row, "a kernel with it, and no cgroup_disable=%s on its command line", controller);
    }
}

/* A sched_ext scheduler that is not ours decides alone; most ignore cpu.weight and cpu.max. */
static bool foreign_scheduler(char *name, size_t size) {
    return file_read_at(AT_FDCWD, "/sys/kernel/sched_ext/root/ops", name, size) > 0;
}

static void void_by_scheduler(const Prober *p, ProbeRow *row) {
    char name[64];
    if (!foreign_scheduler(name, sizeof name))
        return;
    row->state = PROBE_ABSENT;
    WHY(row, "the sched_ext scheduler '%s' is loaded and need not honour it", name);
    CURE(row, "stop that scheduler");
}

/* io.weight is only a number until something weighs by it (systemd#7057). */
static void void_without_weigher(const Prober *p, ProbeRow *row) {
    DeviceNumber disks[DISKS_MAX];
    size_t all = device_disks(disks), weighing = 0;
    for (size_t i = 0; i < all; i++)
        weighing += device_weigher(p->mount, disks[i].major, disks[i].minor) != WEIGHER_NONE;
    if (weighing == all && all > 0) {
        WHY(row, "bfq or io.cost on all %zu disks", all);
        return;
    }
    row->state = weighing ? PROBE_ENFORCED : PROBE_ABSENT;
    WHY(row,
            "%zu of %zu disks have the bfq scheduler or io.cost: elsewhere IOWeight= is only a number, and "
            "IODeviceWeight= is refused",
            weighing, all);
    CURE(row, "echo bfq > /sys/block/DISK/queue/scheduler, or enable io.cost.qos");
}

static void void_without_swap(const Prober *p, ProbeRow *row) {
    char text[4096];
    ssize_t length = file_read_at(AT_FDCWD, "/proc/swaps", text, sizeof text);
    const char *first = length > 0 ? strchr(text, '\n') : NULL;
    if (first && first[1])
        return;
    row->state = PROBE_ABSENT;
    WHY(row, "there is no swap: MemorySwapMax= limits nothing");
    CURE(row, "swapon a device or file, if swapping is wanted");
}

static void void_without_zswap(const Prober *p, ProbeRow *row) {
    char text[8];
    if (file_read_at(AT_FDCWD, "/sys/module/zswap/parameters/enabled", text, sizeof text) > 0 && *text == 'Y')
        return;
    row->state = PROBE_ABSENT;
    WHY(row, "zswap is off: MemoryZSwapMax= limits nothing");
    CURE(row, "echo Y > /sys/module/zswap/parameters/enabled");
}

static const struct ControllerShare {
    const char *share, *mechanism;
    uint32_t bit;
    const char *file;  /* without which the controller does not do it */
    const char *since; /* the kernel that has the file, or how it is built */
    const char *found;
    void (*voided)(const Prober *p, ProbeRow *row);
} controller_shares[] = {
    { "cpu weight", "cpu controller, cpu.weight", CONTROLLER_CPU, "cpu.weight", NULL, "the fair class shares by it",
            void_by_scheduler },
    { "cpu idle", "cpu controller, cpu.idle", CONTROLLER_CPU, "cpu.idle", "from 5.15",
            "runs only when nothing else wants to", void_by_scheduler },
    { "cpu quota", "cpu controller, cpu.max", CONTROLLER_CPU, "cpu.max", NULL, "the fair class throttles by it",
            void_by_scheduler },
    { "cpu burst", "cpu controller, cpu.max.burst", CONTROLLER_CPU, "cpu.max.burst", "from 5.14",
            "saved up quota is spent later", void_by_scheduler },
    { "cpu pinning", "cpuset controller, cpuset.cpus", CONTROLLER_CPUSET, "cpuset.cpus", NULL,
            "enabled for policies with AllowedCPUs=", NULL },
    { "memory nodes", "cpuset controller, cpuset.mems", CONTROLLER_CPUSET, "cpuset.mems", NULL,
            "enabled for policies with AllowedMemoryNodes=", NULL },
    { "memory reserve", "memory controller, memory.min", CONTROLLER_MEMORY, "memory.min", NULL,
            "with memory.low; as far as all above grant it, which supctl show tells", NULL },
    { "memory high", "memory controller, memory.high", CONTROLLER_MEMORY, "memory.high", NULL,
            "reclaims and slows down above it", NULL },
    { "memory max", "memory controller, memory.max", CONTROLLER_MEMORY, "memory.max", NULL,
            "kills within the workload above it", NULL },
    { "swap", "memory controller, memory.swap.max", CONTROLLER_MEMORY, "memory.swap.max", "with CONFIG_SWAP",
            "what is above it stays in memory", void_without_swap },
    { "zswap", "memory controller, memory.zswap.max", CONTROLLER_MEMORY, "memory.zswap.max", "with CONFIG_ZSWAP",
            "what is above it goes to the disk", void_without_zswap },
    { "oom group", "memory controller, memory.oom.group", CONTROLLER_MEMORY, "memory.oom.group", NULL,
            "OOMPolicy=kill ends all of a workload at once", NULL },
    { "huge pages", "hugetlb controller", CONTROLLER_HUGETLB, NULL, NULL,
            "enabled for policies with HugeTLBMax=", NULL },
    { "tasks", "pids controller, pids.max", CONTROLLER_PIDS, "pids.max", NULL, "fork fails above it", NULL },
    { "io bandwidth", "io controller, io.max", CONTROLLER_IO, "io.max", "with CONFIG_BLK_DEV_THROTTLING",
            "bytes and operations per whole disk, buffered writes included where the file system supports it", NULL },
    { "io weight", "io controller, io.weight", CONTROLLER_IO, "io.weight", "with CONFIG_BLK_CGROUP_IOCOST",
            "disk time by weights", void_without_weigher },
};

static const char *controller_of(uint32_t bit) {
    return controller_names[__builtin_ctz(bit)];
}

/* The tree has the files of each controller that reaches it; without a daemon there is nowhere to look. */
static bool lacks_file(const Prober *p, const char *file) {
    return p->tree && file && faccessat(p->tree->fd, file, F_OK, 0) < 0;
}

static void probe_share(Prober *p, const struct ControllerShare *share) {
    if (share->bit == CONTROLLER_CPU && p->freezer == FREEZER_RUNS) {
        ProbeRow *row = add_row(p, share->share, "freezer, cgroup.freeze", PROBE_ENFORCED);
        WHY(row, "in place of %s; see cpu by freezing", share->file);
        return;
    }
    ProbeRow *row = add_row(p, share->share, share->mechanism, p->at_tree & share->bit ? PROBE_ENFORCED : PROBE_ABSENT);
    if (row->state == PROBE_ABSENT)
        explain_absent_controller(p, controller_of(share->bit), share->bit, row);
    else if (lacks_file(p, share->file)) {
        row->state = PROBE_ABSENT;
        WHY(row, "this kernel has no %s", share->file);
        CURE(row, "a kernel %s", share->since ?: "that is not cut down");
    } else {
        WHY(row, "%s", share->found);
        if (share->voided)
            share->voided(p, row);
    }
}

static void probe_controllers(Prober *p) {
    for (size_t i = 0; i < ELEMENTSOF(controller_shares); i++)
        probe_share(p, controller_shares + i);
}

/* What it costs, what it does not hold, and what it does to workloads is said where it is asked for. */
static void probe_freezer(Prober *p) {
    bool runs = p->freezer == FREEZER_RUNS;
    ProbeRow *row = add_row(p, "cpu by freezing", "freezer, cgroup.freeze", runs ? PROBE_ENFORCED : PROBE_ABSENT);
    WHY(row,
            "%sturns of %d to %d ms, for 0.6 %% of a CPU, 2.5 %% with 100 workloads; shares of a second are some "
            "percent off; who "
            "stands, for up to %d ms, may hold a lock that others wait for, and its timers are late",
            runs ? "" : "no Scheduler=freeze: ", DUTY_TURN_USEC / 1000, DUTY_TURN_MANY_USEC / 1000,
            DUTY_STAND_MAX_USEC / 1000);
    if (!runs && !(p->at_tree & CONTROLLER_CPU))
        CURE(row, "[supervisord] Scheduler=freeze holds CPUWeight= and CPUQuota= without the cpu controller");
}

/* --- network and eBPF -------------------------------------------------------------------------------------------- */

static void probe_egress(Prober *p) {
    ProbeRow *row = add_row(p, "network egress", "tbf on the workload's own veth", PROBE_ENFORCED);
    WHY(row, "for workloads with Network=bridge:; they run without CAP_NET_ADMIN");
}

static bool forwards(const char *file) {
    char text[8];
    return file_read_at(AT_FDCWD, file, text, sizeof text) > 0 && *text != '0';
}

static void probe_nat(Prober *p) {
    bool library = firewall_available(), ipv4 = forwards("/proc/sys/net/ipv4/ip_forward"),
         ipv6 = forwards("/proc/sys/net/ipv6/conf/all/forwarding");
    ProbeRow *row = add_row(p, "network NAT", "an nftables table", library && ipv4 ? PROBE_ENFORCED : PROBE_ABSENT);
    if (!library) {
        WHY(row, "libnftables.so.1 is not there: NAT= and Publish= fail");
        CURE(row, "install libnftables1");
    } else if (!ipv4 || !ipv6) {
        WHY(row, "the host does not forward %s: NAT= and Publish= do not reach other machines",
                ipv4   ? "IPv6"
                : ipv6 ? "IPv4"
                       : "packets");
        CURE(row, "sysctl -w%s%s", ipv4 ? "" : " net.ipv4.ip_forward=1", ipv6 ? "" : " net.ipv6.conf.all.forwarding=1");
    } else
        WHY(row, "for networks with NAT= and workloads with Publish=");
}

static const struct FilterShare {
    const char *share, *keys;
} filter_shares[FILTERS_COUNT] = {
    [FILTER_DEVICES] = { "device access", "DevicePolicy=" },
    [FILTER_ADDRESSES] = { "network addresses", "IPAddressDeny=" },
    [FILTER_BINDS] = { "socket binding", "SocketBindDeny=" },
};

static void probe_filters(Prober *p) {
    for (int filter = 0; filter < FILTERS_COUNT; filter++) {
        const struct FilterShare *share = filter_shares + filter;
        char reason[sizeof p->rows->why];
        bool works = filter_try((FilterId) filter, reason, sizeof reason) == 0;
        ProbeRow *row = add_row(p, share->share, "eBPF on the group's cgroup", works ? PROBE_ENFORCED : PROBE_ABSENT);
        if (works)
            WHY(row, "where %s or its like asks for it", share->keys);
        else {
            WHY(row, "%s; no workload with %s starts", reason, share->keys);
            CURE(row, "a kernel with CONFIG_CGROUP_BPF=y, and nothing that refuses bpf(2) to the daemon");
        }
    }
}

static const struct ProgramShare {
    const char *program, *share, *mechanism;
} program_shares[] = {
    { "maps", "meter slots", "eBPF maps" },
    { "cgroups", "cpu time, pressure", "eBPF iterator over the tree" },
    { "wait", "run-queue wait", "eBPF on sched_switch" },
    { "block_complete", "disk per workload", "eBPF on block requests" },
    { "net_transmit", "network per workload", "eBPF on the tree's cgroup" },
    { "exits", "exit record", "eBPF on process exit" },
};

static const ProgramState *find_state(const ProgramState *states, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(states[i].name, name) == 0)
            return states + i;
    return NULL;
}

/* A record that could not be made is no guess: what it would have told is unknown. */
static void tell_lost_exits(const Prober *p, ProbeRow *row) {
    uint64_t lost;
    if (!p->programs || programs_exits_lost(p->programs, &lost) < 0 || lost == 0)
        return;
    WHY(row, "loaded and attached; %" PRIu64 " ends since boot found all %d records taken, and are unknown", lost,
            EXITS_MAX);
    CURE(row, "keep the daemon running: it makes room when it has learnt of an end");
}

static void probe_programs(Prober *p) {
    ProgramState states[32];
    size_t n = p->programs ? programs_states(p->programs, states, ELEMENTSOF(states)) : 0;
    for (size_t i = 0; i < ELEMENTSOF(program_shares); i++) {
        const struct ProgramShare *share = program_shares + i;
        const ProgramState *state = find_state(states, n < ELEMENTSOF(states) ? n : ELEMENTSOF(states), share->program);
        ProbeRow *row =
                add_row(p, share->share, share->mechanism, state && state->loaded ? PROBE_MEASURED : PROBE_ABSENT);
        if (state)
            WHY(row, "%s", state->loaded && !*state->reason ? "loaded and attached" : state->reason);
        else
            WHY(row, "not asked: the daemon does not run, or runs with --no-bpf");
        if (strcmp(share->program, "exits") == 0)
            tell_lost_exits(p, row);
    }
}

static void probe_btf(Prober *p) {
    bool there = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
    ProbeRow *row = add_row(p, "kernel types", "BTF", there ? PROBE_MEASURED : PROBE_ABSENT);
    WHY(row, there ? "/sys/kernel/btf/vmlinux is there" : "/sys/kernel/btf/vmlinux is not there: no eBPF meters");
    if (!there)
        CURE(row, "a kernel with CONFIG_DEBUG_INFO_BTF=y, as Debian's are");
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static void look_at_controllers(Prober *p) {
    _cleanup_(cleanup_close) int root_fd = -1;
    uint32_t enabled;
    if (tree_find_mount(&p->mount) < 0) {
        p->mount = NULL;
        return;
    }
    if (cgroup_open(AT_FDCWD, p->mount, &root_fd) == 0)
        cgroup_controllers(root_fd, &p->at_root, &enabled);
    if (p->tree)
        freezer_state(p->tree->fd, &p->freezer);
    p->at_tree = p->at_root; /* without a daemon: what the root could hand down */
    if (p->tree)
        cgroup_controllers(p->tree->fd, &p->at_tree, &enabled);
}

static void probe_keeper(Prober *p) {
    bool kept = tree_is_kept(p->tree);
    ProbeRow *row = add_row(p, "tree", p->tree->unit, kept ? PROBE_ENFORCED : PROBE_ABSENT);
    WHY(row, kept ? "its keeper runs" : "its keeper is gone; what is in the tree goes on, with its limits");
    if (!kept)
        CURE(row,
                "supctl shutdown, then systemctl restart supervisord: the tree can be made anew only when it is empty");
}

static void probe_tree(Prober *p) {
    if (p->tree && p->tree->unit) {
        probe_keeper(p);
        return;
    }
    bool writable = p->mount && !tree_is_read_only(p->mount);
    ProbeRow *row = add_row(p, "tree", "cgroup v2", writable ? PROBE_ENFORCED : PROBE_ABSENT);
    if (writable)
        WHY(row, "%s", p->tree ? p->tree->path : p->mount);
    else if (p->mount) {
        WHY(row, "%s is mounted read-only: nothing can be placed in it", p->mount);
        CURE(row, "mount -o remount,rw %s; a container needs a writable cgroup namespace", p->mount);
    } else
        explain_no_mount(row);
}

size_t probe(const Tree *tree, Programs *programs, ProbeRow ret[static PROBE_ROWS_MAX]) {
    Prober p = { .rows = ret, .tree = tree, .programs = programs };
    look_at_controllers(&p);
    probe_tree(&p);
    probe_controllers(&p);
    probe_freezer(&p);
    probe_egress(&p);
    probe_filters(&p);
    probe_nat(&p);
    probe_btf(&p);
    probe_programs(&p);
    free(p.mount);
    return p.n;
}
