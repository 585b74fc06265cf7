/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the files behind programs.h share. Nobody else includes it. */

#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "kernel/programs.h"

/* The shared maps of bpf/maps.h. */
typedef enum MapId {
    MAP_ABI,
    MAP_SLOTS,
    MAP_FOLDED_SLOTS,
    MAP_SLOT_HEIRS,
    MAP_ACCOUNTS,
    MAP_CGROUP_SLOTS,
    MAP_CGROUP_STORAGE,
    MAP_CGROUP_COUNTERS,
    MAP_BLOCK_ROWS,
    MAP_BLOCK_DEVICES,
    MAP_EXIT_WATCHES,
    MAP_EXIT_RECORDS,
    MAP_EXITS_LOST,
    MAP_FILTER_DENIALS,
    MAPS_COUNT,
} MapId;

typedef enum ProgramId {
    PROGRAM_WAIT,
    PROGRAM_BLOCK_START,
    PROGRAM_BLOCK_ISSUE,
    PROGRAM_BLOCK_COMPLETE,
    PROGRAM_NET_RECEIVE,
    PROGRAM_NET_TRANSMIT,
    PROGRAM_EXITS,
    PROGRAM_CGROUPS,
    PROGRAMS_COUNT,
} ProgramId;

typedef enum ObjectId {
    OBJECT_MAPS,
    OBJECT_WAIT,
    OBJECT_BLOCK,
    OBJECT_NET,
    OBJECT_EXITS,
    OBJECT_CGROUPS,
    OBJECT_DEVICE, /* from here on: filters, loaded for each group that needs them */
    OBJECT_ADDRESS,
    OBJECT_BIND,
    OBJECTS_COUNT,
} ObjectId;

enum {
    VERIFIER_LOG_BYTES = 256 * 1024,
    REASON_SIZE = sizeof(((ProgramState *) NULL)->reason),
    SLOTS_LIMIT = 65536,
};

/* What a newer layout does with what is in an older one's map. */
typedef enum Carry {
    CARRY_NOTHING, /* the kernel, or who comes back, says it anew */
    CARRY_ENTRIES,
    CARRY_COUNTS, /* each in its own way: what is counted meanwhile must not get lost */
} Carry;

/* How many entries a map has: so many, or so many for each slot. */
typedef struct MapRow {
    const char *name;
    uint32_t entries_per_slot; /* 0: as declared */
    Carry carry;
} MapRow;

extern const MapRow map_rows[MAPS_COUNT];

typedef struct Program {
    int prog_fd;
    int link_fd;
    char reason[REASON_SIZE];
} Program;

struct Programs {
    char *pin_dir;   /* of our layout; NULL: not pinned */
    char *older_dir; /* of the layout before, until what it holds is carried over; NULL: there is none */
    int tree_fd;
    uint64_t tree_id;
    uint32_t slots_max;
    size_t cpus; /* possible ones: per-CPU values come with that many copies */
    struct knobs knobs;
    bool same_build;          /* the pinned programs are what we would load */
    char reason[REASON_SIZE]; /* of the maps */

    int map_fds[MAPS_COUNT];
    uint32_t map_ids[MAPS_COUNT];
    Program programs[PROGRAMS_COUNT];

    struct cgroup_counters *cgroup_counters; /* mmaps, by slot */
    size_t cgroup_counters_bytes;
    struct slot *folded_slots;
    size_t folded_slots_bytes;
    uint64_t *slot_heirs;
    size_t slot_heirs_bytes;
    struct account *accounts;
    size_t accounts_bytes;
    struct filter_denials *filter_denials;
    size_t filter_denials_bytes;
    uint64_t refreshed_nsec;

    pthread_mutex_t mutex; /* guards the next three */
    int stats_fd;
    uint64_t *used;  /* bit per slot */
    uint32_t search; /* where the last free slot was found */
};

static inline bool programs_has_maps(const Programs *programs) {
    return programs->map_fds[MAP_ABI] >= 0;
}

static inline bool programs_has(const Programs *programs, ProgramId id) {
    return programs->programs[id].link_fd >= 0;
}

/* The reason, kept on its first line. */
#define NOT_NEEDED "not needed: " /* such a reason begins with it */
__attribute__((format(printf, 2, 3))) void set_reason(char *reason, const char *format, ...);

/* program-objects.c */
int open_object(ObjectId id, char *log, struct bpf_object **ret);
static inline void unload_object(struct bpf_object **object) {
    bpf_object__close(*object); /* NULL is fine */
}
uint64_t hash_object(ObjectId id);
uint64_t hash_objects(uint64_t seed);
int duplicate_fd(int fd);
/* Between the two, the first thing that libbpf complains about is kept in warning[REASON_SIZE]. */
void listen_to_libbpf(char *warning);
void leave_libbpf(void);
void explain(char *reason, const char *warning, char *log, int error);

/* program-maps.c. Trouble is left as reasons; negative errno only when memory is out. */
int programs_load_maps(Programs *programs);
int map_info(int fd, struct bpf_map_info *ret);

/* program-load.c: the same. */
int programs_load_programs(Programs *programs);
const char *program_name(ProgramId id);
const char *program_hook(ProgramId id);

/* program-pins.c: files in a bpf file system. */
int pins_open(const char *pin_dir, char *reason);
int pin_get(const char *pin_dir, const char *prefix, const char *name);
int pin_remove(const char *pin_dir, const char *prefix, const char *name); /* 0 when it was not there */
int pin_replace(const char *pin_dir, const char *prefix, const char *name, int fd);
int pins_remove(const char *pin_dir); /* all of them, and the directory; 0 when there was none */

/* program-layouts.c: `root` has a directory for each layout. */
char *layout_dir(const char *root, unsigned layout); /* NULL: out of memory */
unsigned layout_before(const char *root);            /* the newest whole one that is older than ours; 0: none */
bool layout_is_whole(const char *root);              /* ours */
/* Removes what is of no more use: layouts that were never whole and, once ours is, those before it. */
void layouts_sweep(const char *root);

/* program-slots.c */
void add_words(void *to, const void *from, size_t words);
int add_per_cpu(const Programs *programs, MapId id, const void *key, void *sum, size_t words); /* over the CPUs */

/* program-carry.c: what the layout before ours has counted and recorded. */
int programs_carry_over(Programs *programs);
