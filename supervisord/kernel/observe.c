/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel is the database: what holds is read from it each time, never remembered. A directory belongs to us when it
 * carries our mark; everything else is passed over.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/strv.h"
#include "kernel/cgroup.h"
#include "kernel/device.h"
#include "kernel/observer.h"

/* --- leaves ------------------------------------------------------------------------------------------------------ */

static int read_leaf(const Observer *o, int dir_fd, unsigned number, NodeLeaf *ret) {
    NodeLeaf leaf = { .number = number };
    CgroupMark mark;
    int r = o->visit ? 0 : cgroup_populated(dir_fd, &leaf.populated);
    if (r == 0)
        r = cgroup_id(dir_fd, &leaf.cgroup_id);
    if (r < 0)
        return r;
    if (cgroup_mark_read(dir_fd, &mark) == 0 && mark.leaf) {
        leaf.invocation = mark.invocation;
        leaf.main_pid = mark.main_pid;
        leaf.main_start_ticks = mark.main_start_ticks;
        leaf.report = mark.report;
        leaf.oom_kills_before = mark.oom_kills;
        leaf.recipe = mark.recipe;
        leaf.stopping = mark.stopping;
    }
    *ret = leaf;
    return 0;
}

typedef struct LeafWalk {
    const Observer *observer;
    NodeGroup *group;
    size_t leaves_allocated, sessions_allocated;
} LeafWalk;

static int add_leaf(const Observer *o, NodeLeaf **leaves, size_t *n, size_t *allocated, int dir_fd, unsigned number) {
    int r = grow(leaves, sizeof **leaves, *n, allocated);
    if (r < 0)
        return r;
    if (read_leaf(o, dir_fd, number, *leaves + *n) == 0)
        (*n)++;
    return 0;
}

static int on_leaf_directory(void *userdata, int dir_fd, const char *name) {
    LeafWalk *walk = userdata;
    const Observer *o = walk->observer;
    NodeGroup *group = walk->group;
    _cleanup_(cleanup_close) int fd = -1;
    unsigned start, session;
    if (cgroup_leaf_parse(name, &start, &session) < 0 || cgroup_open(dir_fd, name, &fd) < 0)
        return 0; /* somebody else's, or gone meanwhile */
    return session ? add_leaf(o, &group->sessions, &group->n_sessions, &walk->sessions_allocated, fd, session)
                   : add_leaf(o, &group->leaves, &group->n_leaves, &walk->leaves_allocated, fd, start);
}

static int read_leaves(const Observer *o, int dir_fd, NodeGroup *group) {
    LeafWalk walk = { .observer = o, .group = group };
    return cgroup_each(dir_fd, on_leaf_directory, &walk);
}

static int read_egress(const Observer *o, NodeGroup *group) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < group->n_leaves; i++)
        if (group->leaves[i].populated && group->leaves[i].main_pid > 0)
            r = observe_egress(o, group, group->leaves + i);
    return r;
}

/* --- groups ------------------------------------------------------------------------------------------------------ */

static int read_what_holds(const Observer *o, int dir_fd, uint32_t available, NodeGroup *group) {
    int r = cgroup_frozen(dir_fd, &group->frozen);
    if (r == 0)
        r = cgroup_enabled_controllers(dir_fd, &group->controllers);
    if (r == 0)
        r = observe_limits(dir_fd, available, group);
    if (r == 0)
        r = observe_limits_of_freezer(o, dir_fd, group);
    if (r == 0)
        r = observe_unlimited_devices(o, dir_fd, group);
    return r < 0 ? r : observe_filters(o, dir_fd, group);
}

static int read_group(const Observer *o, int dir_fd, const CgroupMark *mark, const char *path, const char *parent,
        uint32_t available, NodeGroup *ret) {
    NodeGroup group = { .kind = mark->kind, .slot = mark->slot, .restarts = mark->restarts };
    group.name = strdup(mark->name);
    group.path = strdup(path);
    group.parent = parent ? strdup(parent) : NULL;
    int r = group.name && group.path && (group.parent || !parent) ? 0 : -ENOMEM;
    if (r == 0)
        r = cgroup_id(dir_fd, &group.cgroup_id);
    if (r == 0 && !o->visit)
        r = read_what_holds(o, dir_fd, available, &group);
    if (r == 0 && group.kind == GROUP_WORKLOAD)
        r = read_leaves(o, dir_fd, &group);
    if (r == 0 && !o->visit)
        r = read_egress(o, &group);
    *ret = group;
    return r;
}

typedef struct GroupWalk {
    Observer *observer;
    const char *parent; /* name, NULL at the top */
    const char *path;   /* "" at the top */
    uint32_t available; /* controllers: those that the parent has enabled */
    bool deep;          /* and what is in it */
} GroupWalk;

static int on_group_directory(void *userdata, int parent_fd, const char *name);

static int walk_groups(Observer *o, int dir_fd, const char *parent, const char *path, uint32_t available) {
    GroupWalk walk = { .observer = o, .parent = parent, .path = path, .available = available, .deep = true };
    return cgroup_each(dir_fd, on_group_directory, &walk);
}

/* A workload that was not asked for. */
static bool is_other(const Observer *o, const CgroupMark *mark) {
    return o->only && mark->kind == GROUP_WORKLOAD && strcmp(mark->name, o->only) != 0;
}

static bool is_gone(int r) {
    return r == -ENOENT || r == -ENODEV;
}

static int on_group_directory(void *userdata, int parent_fd, const char *name) {
    GroupWalk *walk = userdata;
    Observer *o = walk->observer;
    _cleanup_(cleanup_close) int fd = -1;
    CgroupMark mark;
    if (cgroup_open(parent_fd, name, &fd) < 0 || cgroup_mark_read(fd, &mark) < 0 || mark.leaf || is_other(o, &mark))
        return 0;

    char path[4096];
    if ((size_t) snprintf(path, sizeof path, "%s%s%s", walk->path, *walk->path ? "/" : "", name) >= sizeof path)
        return 0; /* deeper than any that we make */
    int r = grow(&o->node->groups, sizeof *o->node->groups, o->node->n_groups, &o->groups_allocated);
    if (r < 0)
        return r;
    NodeGroup *group = o->node->groups + o->node->n_groups++;
    r = read_group(o, fd, &mark, path, walk->parent, walk->available, group);
    if (r == 0 && o->visit)
        r = o->visit(o->visit_userdata, o->node, group, fd);
    if (r != 0)
        return is_gone(r) ? 0 : r;
    uint32_t enabled = group->controllers;
    return mark.kind == GROUP_SLICE && walk->deep ? walk_groups(o, fd, mark.name, path, enabled) : 0;
}

/* From the top slice down to `group`: one directory each. */
static int walk_to(Observer *o, int dir_fd, const Group *group) {
    const Group *chain[SLICE_DEPTH_MAX + 1];
    size_t n = 0;
    for (const Group *g = group; g && n < ELEMENTSOF(chain); g = g->parent)
        chain[n++] = g;

    while (n-- > 0) {
        char path[4096], directory[NAME_LENGTH_MAX + 2];
        int r = group_path(chain[n], path, sizeof path);
        if (r < 0)
            return r;
        char *slash = strrchr(path, '/');
        _cleanup_(cleanup_close) int parent_fd = -1;
        if (slash)
            *slash = '\0';
        r = cgroup_open(dir_fd, slash ? path : ".", &parent_fd);
        if (r < 0)
            return is_gone(r) ? 0 : r;
        GroupWalk walk = {
            .observer = o, .parent = chain[n]->parent ? chain[n]->parent->name : NULL, .path = slash ? path : ""
        };
        r = cgroup_enabled_controllers(parent_fd, &walk.available);
        if (r < 0)
            return is_gone(r) ? 0 : r;
        r = on_group_directory(&walk, parent_fd, group_directory(chain[n]->name, directory, sizeof directory));
        if (r < 0)
            return r;
    }
    return 0;
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

static int add_device(Observer *o, const char *path, const DeviceNumber *disk, int error, size_t *allocated) {
    Node *node = o->node;
    int r = grow(&node->devices, sizeof *node->devices, node->n_devices, allocated);
    if (r < 0)
        return r;
    NodeDevice *device = node->devices + node->n_devices;
    *device = (NodeDevice){ .path = strdup(path), .major = disk->major, .minor = disk->minor, .error = error };
    if (!device->path)
        return -ENOMEM;
    if (error == 0)
        device->weigher = device_weigher(o->tree->mount, device->major, device->minor);
    node->n_devices++;
    return 0;
}

static int add_any(Observer *o, size_t *allocated) {
    DeviceNumber disks[DISKS_MAX];
    size_t n = device_disks(disks);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_device(o, LIMIT_ANY_DEVICE, disks + i, 0, allocated);
    return r;
}

static int add_named(Observer *o, const char *path, size_t *allocated) {
    DeviceNumber disk = {};
    if (node_device(o->node, path))
        return 0;
    if (strcmp(path, LIMIT_ANY_DEVICE) == 0)
        return add_any(o, allocated);
    int error = device_resolve(path, &disk.major, &disk.minor);
    return add_device(o, path, &disk, error, allocated);
}

static int read_devices(Observer *o) {
    size_t allocated = 0;
    for (size_t i = 0; i < o->policy->n_groups; i++)
        FOREACH_LIMIT (limit) {
            const LimitValue *value = o->policy->groups[i]->limits + limit->id;
            for (size_t j = 0; limit->kind == LIMIT_KIND_DEVICES && j < value->n_parts; j++) {
                int r = add_named(o, value->parts[j].name, &allocated);
                if (r < 0)
                    return r;
            }
        }
    return 0;
}

static int add_above(Node *node, const char *name, int fd, size_t *allocated) {
    int r = grow(&node->above, sizeof *node->above, node->n_above, allocated);
    if (r < 0)
        return r;
    NodeGroup *group = node->above + node->n_above++;
    uint64_t weight;
    *group = (NodeGroup){ .name = strdup(name) };
    if (!group->name)
        return -ENOMEM;
    r = observe_limits(fd, CONTROLLER_CPU | CONTROLLER_IO | CONTROLLER_MEMORY, group);
    if (r == 0 && cgroup_weights(fd, &weight, &group->beside) < 0)
        group->beside = 0;
    return r;
}

int observe_above(const Tree *tree, Node *node) {
    _cleanup_(cleanup_free) char *path = strdup(tree->path);
    size_t allocated = 0, mount_length = strlen(tree->mount);
    if (!path)
        return -ENOMEM;
    int r = add_above(node, "the tree", tree->fd, &allocated);
    for (char *slash; r == 0 && (slash = strrchr(path, '/')) && slash > path + mount_length;) {
        _cleanup_(cleanup_close) int fd = -1;
        *slash = '\0';
        const char *name = strrchr(path, '/') + 1;
        if (cgroup_open(AT_FDCWD, path, &fd) < 0)
            break;
        r = add_above(node, name, fd, &allocated);
        if (tree->slice && strcmp(name, tree->slice) == 0)
            node->share = node->n_above - 1;
    }
    return r;
}

static int read_tree(Observer *o) {
    Node *node = o->node;
    int r = cgroup_controllers(o->tree->fd, &node->controllers_available, &node->controllers_enabled);
    FOREACH_KNOB (knob) {
        if (knob->optional && !knob_is_of_freezer(knob) && faccessat(o->tree->fd, knob->file, F_OK, 0) == 0)
            node->optional_knobs |= UINT64_C(1) << knob->id;
    }
    if (r < 0 || o->only)
        return r; /* a single start does not ask PID 1 */
    node->shares_given = tree_shares_given(o->tree);
    return observe_above(o->tree, node);
}

/* A workload that the policy does not know (any more) may be anywhere; nearly always it is at the top. */
static int look_for(Observer *o, const char *name) {
    char directory[NAME_LENGTH_MAX + 2];
    GroupWalk walk = { .observer = o, .path = "", .available = o->node->controllers_enabled, .deep = true };
    int r = on_group_directory(&walk, o->tree->fd, group_directory(name, directory, sizeof directory));
    return r < 0 || o->node->n_groups > 0 ? r : walk_groups(o, o->tree->fd, NULL, "", walk.available);
}

static int read_groups(Observer *o) {
    const Group *group = o->only ? policy_group(o->policy, o->only) : NULL;
    if (group && group->workload)
        return walk_to(o, o->tree->fd, group);
    return o->only ? look_for(o, o->only) : walk_groups(o, o->tree->fd, NULL, "", o->node->controllers_enabled);
}

int observe(
        const Tree *tree, Links *links, const Programs *programs, const Policy *policy, const char *only, Node *ret) {
    Node node = {};
    Observer o = { .tree = tree, .links = links, .programs = programs, .policy = policy, .only = only, .node = &node };
    static int (*const parts[])(Observer *) = {
        read_tree,
        observe_freezer,
        read_devices,
        observe_device_numbers,
        observe_networks,
        observe_firewall,
        read_groups,
    };
    for (size_t i = 0; i < ELEMENTSOF(parts); i++) {
        int r = parts[i](&o);
        if (r < 0) {
            node_done(&node);
            return r;
        }
    }
    *ret = node;
    return 0;
}

int observe_presence(const Tree *tree, GroupVisit *visit, void *userdata, Node *ret) {
    Node node = {};
    Observer o = { .tree = tree, .visit = visit, .visit_userdata = userdata, .node = &node };
    int r = read_groups(&o);
    if (r != 0) {
        node_done(&node);
        return r;
    }
    *ret = node;
    return 0;
}
