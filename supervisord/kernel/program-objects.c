/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The BPF objects that are built into the daemon, and how to learn why one does not load. */

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "kernel/programs-internal.h" /* the types that are in the skeletons */

#include "address.skel.h"
#include "bind.skel.h"
#include "block.skel.h"
#include "cgroups.skel.h"
#include "device.skel.h"
#include "exits.skel.h"
#include "maps.skel.h"
#include "net.skel.h"
#include "wait.skel.h"

#define HASH_SEED UINT64_C(0xcbf29ce484222325)

static const struct {
    const char *name;
    const void *(*elf_bytes)(size_t *ret_size);
} objects[OBJECTS_COUNT] = {
    [OBJECT_MAPS] = { "maps", maps_bpf__elf_bytes },
    [OBJECT_WAIT] = { "wait", wait_bpf__elf_bytes },
    [OBJECT_BLOCK] = { "block", block_bpf__elf_bytes },
    [OBJECT_NET] = { "net", net_bpf__elf_bytes },
    [OBJECT_EXITS] = { "exits", exits_bpf__elf_bytes },
    [OBJECT_CGROUPS] = { "cgroups", cgroups_bpf__elf_bytes },
    [OBJECT_DEVICE] = { "device", device_bpf__elf_bytes },
    [OBJECT_ADDRESS] = { "address", address_bpf__elf_bytes },
    [OBJECT_BIND] = { "bind", bind_bpf__elf_bytes },
};

/* libbpf says what it does not like only to its print function, of which a process has one: ours while we load. */
static _Thread_local char *first_warning;
static libbpf_print_fn_t print_before;

__attribute__((format(printf, 2, 0))) static int keep_first_warning(
        enum libbpf_print_level level, const char *format, va_list args) {
    if (level != LIBBPF_WARN || !first_warning || first_warning[0])
        return 0;
    vsnprintf(first_warning, REASON_SIZE, format, args);
    first_warning[strcspn(first_warning, "\n")] = '\0';
    return 0;
}

void listen_to_libbpf(char *warning) {
    warning[0] = '\0';
    first_warning = warning;
    print_before = libbpf_set_print(keep_first_warning);
}

void leave_libbpf(void) {
    libbpf_set_print(print_before);
    first_warning = NULL;
}

/* The verifier ends with statistics; the line before them says what it did not like. */
static const char *verifier_verdict(char *log) {
    char *verdict = NULL, *rest = log;

    for (char *line; (line = strsep(&rest, "\n"));)
        if (line[0] && strncmp(line, "processed ", 10) != 0 && strncmp(line, "verification time", 17) != 0 &&
                strncmp(line, "stack depth", 11) != 0)
            verdict = line;
    return verdict;
}

void explain(char *reason, const char *warning, char *log, int error) {
    const char *verdict = log ? verifier_verdict(log) : NULL;

    if (!verdict && warning[0])
        verdict = strncmp(warning, "libbpf: ", 8) == 0 ? warning + 8 : warning;
    if (verdict)
        set_reason(reason, "%s: %s", strerror(-error), verdict);
    else
        set_reason(reason, "%s", strerror(-error));
}

int open_object(ObjectId id, char *log, struct bpf_object **ret) {
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = objects[id].name, .kernel_log_buf = log,
            .kernel_log_size = log ? VERIFIER_LOG_BYTES : 0);
    struct bpf_object *object;
    const void *bytes;
    size_t size;

    bytes = objects[id].elf_bytes(&size);
    object = bpf_object__open_mem(bytes, size, &opts);
    if (!object)
        return -errno;
    *ret = object;
    return 0;
}

/* FNV-1a. */
static uint64_t hash_more(uint64_t hash, ObjectId id) {
    size_t size;
    const uint8_t *bytes = objects[id].elf_bytes(&size);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t hash_object(ObjectId id) {
    return hash_more(HASH_SEED, id);
}

uint64_t hash_objects(uint64_t seed) {
    uint64_t hash = HASH_SEED ^ seed;

    for (int id = 0; id < OBJECTS_COUNT; id++)
        hash = hash_more(hash, (ObjectId) id);
    return hash;
}

int duplicate_fd(int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return copy < 0 ? -errno : copy;
}
