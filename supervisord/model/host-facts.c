/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The facts of this host, now. */

#include "model/host-facts.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"

/* As systemd has it: a host without a name, or with one that could be anything in a command line, is called localhost. */
static void read_name(char name[static HOST_NAME_MAX + 1]) {
    static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";

    if (gethostname(name, HOST_NAME_MAX) < 0 || !*name || strspn(name, bytes) != strlen(name))
        strcpy(name, "localhost");
}

static uint64_t kernel_number(const char *path) {
    char text[32];
    uint64_t number;

    if (file_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
        return UINT64_MAX;
    text[strcspn(text, "\n")] = '\0';
    return parse_u64(text, &number) < 0 ? UINT64_MAX : number;
}

static LimitScale read_scale(void) {
    uint64_t page_bytes = sysconf(_SC_PAGESIZE);
    uint64_t pids = kernel_number("/proc/sys/kernel/pid_max"), threads = kernel_number("/proc/sys/kernel/threads-max");

    return (LimitScale){
        .memory_total_bytes = sysconf(_SC_PHYS_PAGES) * page_bytes,
        .page_bytes = page_bytes,
        .cpus = sysconf(_SC_NPROCESSORS_CONF),
        .tasks_total = pids < threads ? pids : threads,
    };
}

HostFacts host_facts_read(void) {
    HostFacts facts = { .scale = read_scale() };

    read_name(facts.name);
    return facts;
}
