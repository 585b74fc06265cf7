/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is on the node, counted against what should be: cgroups and their marks, limits, links, namespaces, pins, exit
 * records, files in the runtime directory, descriptors of the daemon.
 */

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "bpf/slot.h"
#include "kernel/cgroup.h"
#include "tests/soak/soak.h"

enum {
    FDS_PER_RUNNING = 4, /* pidfd, leaf, kill file, memory.events */
    FDS_PER_GROUP = 8,   /* files whose meters are read */
    FDS_SLACK = 16,
};

/* --- cgroups ----------------------------------------------------------------------------------------------------- */

typedef struct Walk {
    Member *member; /* that this is in; NULL: at a slice or above */
    unsigned n_groups, n_leaves, n_ended;
} Walk;

static void check_leaf(Walk *walk, int fd, const CgroupMark *mark, const char *name) {
    bool populated = false;
    cgroup_populated(fd, &populated);
    walk->n_leaves++;
    if (!mark->leaf)
        violation(&soak.tally.leaks, "%s/%s: no mark of a start", walk->member->name, name);
    else if (!populated)
        walk->n_ended++;
    else if (mark->main_pid != walk->member->pid)
        violation(&soak.tally.others, "%s/%s: marked with pid %d, runs as %d", walk->member->name, name, mark->main_pid,
                walk->member->pid);
}

static void check_limit(const Member *w, int fd, const char *file, unsigned wanted) {
    char text[64];
    if (file_read_at(fd, file, text, sizeof text) < 0 || strtoul(text, NULL, 10) != wanted)
        violation(&soak.tally.others, "%s: %s is %s, should be %u", w->name, file, text, wanted);
}

static void check_limits(const Member *w, int fd) {
    if (soak.has_pids && !w->transient)
        check_limit(w, fd, "pids.max", w->runtime_tasks_max ?: w->tasks_max);
    if (soak.has_cpu && !w->transient)
        check_limit(w, fd, "cpu.weight", w->runtime_cpu_weight ?: w->cpu_weight);
}

static int on_directory(void *userdata, int dir_fd, const char *name);

static void check_group(Walk *walk, int fd, const CgroupMark *mark, const char *name) {
    Walk below = { .member = mark->kind == GROUP_WORKLOAD ? fleet_find(mark->name) : NULL };
    walk->n_groups++;
    if (mark->kind == GROUP_WORKLOAD && (!below.member || !below.member->exists)) {
        violation(&soak.tally.leaks, "a cgroup of %s, which is no more", name);
        return;
    }
    cgroup_each(fd, on_directory, &below);
    walk->n_groups += below.n_groups;
    walk->n_leaves += below.n_leaves;
    walk->n_ended += below.n_ended;
    if (!below.member)
        return;
    if (below.n_leaves > 1)
        violation(&soak.tally.leaks, "%s: %u leaves", name, below.n_leaves);
    if (below.n_leaves - below.n_ended != (below.member->n_running > 0))
        violation(&soak.tally.leaks, "%s: %u leaves with processes, %u main processes", name,
                below.n_leaves - below.n_ended, below.member->n_running);
    check_limits(below.member, fd);
}

static int on_directory(void *userdata, int dir_fd, const char *name) {
    Walk *walk = userdata;
    CgroupMark mark;
    _cleanup_(cleanup_close) int fd = -1;
    if (cgroup_open(dir_fd, name, &fd) < 0)
        return 0;
    if (cgroup_mark_read(fd, &mark) < 0)
        violation(&soak.tally.leaks, "a cgroup %s without a mark", name);
    else if (walk->member)
        check_leaf(walk, fd, &mark, name);
    else
        check_group(walk, fd, &mark, name);
    return 0;
}

static Walk check_cgroups(void) {
    Walk walk = {};
    _cleanup_(cleanup_close) int fd = -1;
    if (cgroup_open(AT_FDCWD, soak.cgroup_dir, &fd) < 0)
        die("cannot open %s: %s", soak.cgroup_dir, strerror(errno));
    cgroup_each(fd, on_directory, &walk);
    return walk;
}

/* --- links and namespaces ---------------------------------------------------------------------------------------- */

/* Calls for each entry but . and ..; the number of those that are counted. */
static unsigned count_entries(const char *path, bool (*counts)(int dir_fd, const char *name)) {
    unsigned n = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.' || (entry->d_name[1] && strcmp(entry->d_name, "..") != 0))
            n += !counts || counts(dirfd(dir), entry->d_name);
    closedir(dir);
    return n;
}

static bool is_our_link(int dir_fd, const char *name) {
    char path[300], alias[256];
    size_t length = strlen(soak.instance);
    snprintf(path, sizeof path, "%s/ifalias", name);
    return file_read_at(dir_fd, path, alias, sizeof alias) > 0 && strncmp(alias, soak.instance, length) == 0 &&
           alias[length] == ':';
}

static bool is_namespace(int dir_fd, const char *name) {
    char target[64] = "";
    return readlinkat(dir_fd, name, target, sizeof target - 1) > 0 && strncmp(target, "net:", 4) == 0;
}

static ino_t namespace_of(pid_t pid) {
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    return stat(path, &st) < 0 ? 0 : st.st_ino;
}

unsigned count_links(void) {
    return count_entries("/sys/class/net", is_our_link);
}

static unsigned expected_links(void) {
    return soak.has_networks * (1 + SPARE_NAMESPACES) + fleet_alive("bridge:lan");
}

static unsigned count_held_namespaces(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", soak.daemon);
    return count_entries(path, is_namespace);
}

bool networks_are_settled(void) {
    return count_links() == expected_links() && count_held_namespaces() == soak.has_networks * SPARE_NAMESPACES;
}

static void check_namespaces(void) {
    ino_t host = namespace_of(getpid());
    for (unsigned i = 0; i < soak.fleet.n; i++) {
        const Member *w = soak.fleet.members + i;
        if (w->n_running && (namespace_of(w->pid) != host) != (*w->network != '\0'))
            violation(&soak.tally.others, "%s: not in the network namespace that it should be in", w->name);
    }
}

static void check_count(const char *what, unsigned found, unsigned expected) {
    if (found != expected)
        violation(&soak.tally.leaks, "%s: %u, expected %u", what, found, expected);
}

/* --- eBPF -------------------------------------------------------------------------------------------------------- */

static void check_map(const char *name, size_t key_size, unsigned most) {
    char path[128], key[64], next[64];
    unsigned n = 0;
    snprintf(path, sizeof path, "%s/%s", soak.pin_dir, name);
    _cleanup_(cleanup_close) int fd = bpf_obj_get(path);
    if (fd < 0)
        return; /* without eBPF, or nothing is pinned here */
    for (bool first = true; bpf_map_get_next_key(fd, first ? NULL : key, next) == 0; first = false, n++)
        memcpy(key, next, key_size);
    if (n > most)
        violation(&soak.tally.leaks, "%s has %u entries, expected %u at most", name, n, most);
}

/* How often the kernel has left out a run of the program, because it was at it on the same CPU already. */
uint64_t traces_missed_runs(const char *program) {
    struct bpf_link_info link = {};
    struct bpf_prog_info info = {};
    uint32_t size = sizeof link;
    char path[128];
    snprintf(path, sizeof path, "%s/link_%s", soak.pin_dir, program);
    _cleanup_(cleanup_close) int fd = bpf_obj_get(path);
    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &link, &size) < 0)
        return 0;
    _cleanup_(cleanup_close) int prog_fd = bpf_prog_get_fd_by_id(link.prog_id);
    size = sizeof info;
    return prog_fd < 0 || bpf_obj_get_info_by_fd(prog_fd, &info, &size) < 0 ? 0 : info.recursion_misses;
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static bool is_stray(int dir_fd, const char *file) {
    char name[256];
    size_t length = strlen(file);
    const char *of = strchr(file, '-');
    of = of ? strchr(of + 1, '-') : NULL;
    snprintf(name, sizeof name, "%s", of ? of + 1 : file);
    if (of && length > 4 && strcmp(file + length - 4, ".ini") == 0)
        name[strlen(name) - 4] = '\0';
    const Member *w = fleet_find(name);
    bool stray = !w || (w->transient && !w->exists) || *file == '.';
    if (stray)
        violation(&soak.tally.leaks, "the runtime drop-in %s", file);
    return stray;
}

static bool is_stray_in_runtime(int dir_fd, const char *file) {
    static const char *const ours[] = { "control", "lock", "loaded", "leases", "transient", "firewall" };
    for (size_t i = 0; i < ELEMENTSOF(ours); i++)
        if (strcmp(file, ours[i]) == 0)
            return false;
    violation(&soak.tally.leaks, "%s in the runtime directory", file);
    return true;
}

static bool is_pidfd(int dir_fd, const char *name) {
    char target[64] = "";
    return readlinkat(dir_fd, name, target, sizeof target - 1) > 0 && strcmp(target, "anon_inode:[pidfd]") == 0;
}

static void check_descriptors(const Walk *walk) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", soak.daemon);
    unsigned alive = fleet_alive(NULL), n = count_entries(path, NULL);
    unsigned most = FDS_PER_RUNNING * alive + FDS_PER_GROUP * walk->n_groups + FDS_SLACK;
    if (soak.n_base_fds == 0)
        soak.n_base_fds = n > most ? n - most : 0;
    if (n > most + soak.n_base_fds)
        violation(&soak.tally.leaks, "the daemon has %u descriptors, with %u running in %u groups", n, alive,
                walk->n_groups);
    check_count("namespaces held by the daemon", count_held_namespaces(), soak.has_networks * SPARE_NAMESPACES);
}

void check_traces(void) {
    char path[128];
    Walk walk = check_cgroups();
    unsigned alive = fleet_alive(NULL);
    check_count("links", count_links(), expected_links());
    check_namespaces();
    unsigned n_pins = count_entries(soak.pin_dir, NULL);
    if (soak.round == 0)
        soak.n_pins = n_pins;
    check_count("pins", n_pins, soak.n_pins);
    check_map("exit_watches", sizeof(uint32_t), alive);
    check_map("exit_records", sizeof(struct exit_key), walk.n_ended);
    count_entries(soak.runtime_dir, is_stray_in_runtime);
    snprintf(path, sizeof path, "%s/transient", soak.runtime_dir);
    count_entries(path, is_stray);
    check_descriptors(&walk);
    snprintf(path, sizeof path, "/proc/%d/fd", soak.daemon);
    check_count("processes held by the daemon", count_entries(path, is_pidfd), alive);
}

void check_empty(void) {
    Walk walk = check_cgroups();
    check_count("cgroups at the end", walk.n_groups, 0);
    check_count("links at the end", count_links(), 0);
    check_count("pins at the end", count_entries(soak.pin_dir, NULL), soak.n_pins);
    check_map("exit_watches", sizeof(uint32_t), 0);
    check_map("exit_records", sizeof(struct exit_key), 0);
}
