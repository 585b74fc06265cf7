/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What our eBPF programs cost per event: nanoseconds a run, by the kernel's own measure, and above an empty program
 * that sits on the same hook in the same run, which takes away the measuring and the hook itself. One line a program;
 * medians of some rounds. The events are made inside a bound leaf: that is the longest way through each program.
 */

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/filter.h"
#include "tests/live/programs-fixture.h"

enum {
    ROUNDS = 7,
    SWITCHES = 100000,
    DATAGRAMS = 50000,
    BLOCKS = 2000,
    BLOCK_BYTES = 4096,
    EXITS = 1000,
    OPENS = 20000,
};

static uint8_t block[BLOCK_BYTES] __attribute__((aligned(BLOCK_BYTES)));

/* Work. Each runs in a process of its own, in the leaf, on one CPU. */

static void answer(int from, int to) {
    char byte = 0;

    for (int i = 0; i < SWITCHES; i++)
        if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1)
            _exit(1);
    _exit(0);
}

static void ping_pong(void) {
    int there[2], back[2];
    char byte = 0;
    pid_t pid;

    CHECK(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        answer(there[0], back[1]);
    for (int i = 0; i < SWITCHES; i++)
        CHECK(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
    CHECK_EQ(wait_for(pid), 0);
}

static void send_datagrams(void) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK_EQ(bind(fd, (struct sockaddr *) &address, size), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *) &address, &size), 0);
    CHECK_EQ(connect(fd, (struct sockaddr *) &address, size), 0);
    for (int i = 0; i < DATAGRAMS; i++)
        CHECK(send(fd, block, 64, 0) == 64 && recv(fd, block, sizeof(block), 0) == 64);
}

static void write_blocks(void) {
    char path[] = "/var/tmp/bpf-overhead.XXXXXX";
    int fd = mkostemp(path, O_DIRECT | O_CLOEXEC);

    CHECK(fd >= 0);
    unlink(path);
    CHECK_EQ(posix_fallocate(fd, 0, BLOCK_BYTES * 16), 0);
    for (int i = 0; i < BLOCKS; i++)
        CHECK_EQ(pwrite(fd, block, sizeof(block), i % 16 * BLOCK_BYTES), (ssize_t) sizeof(block));
}

static void make_exits(void) {
    for (int i = 0; i < EXITS; i++) {
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
            _exit(0);
        wait_for(pid);
    }
}

static void open_devices(void) {
    for (int i = 0; i < OPENS; i++) {
        int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

        CHECK(fd >= 0);
        close(fd);
    }
}

static void bind_sockets(void) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    for (int i = 0; i < OPENS; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        CHECK_EQ(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        close(fd);
    }
}

/* Empty programs. */

typedef struct Bench {
    const char *name;
    const char *hook;
    enum bpf_prog_type type;
    enum bpf_attach_type attach_type;
    void (*work)(void);
    int prog_fd;
    int link_fd;
} Bench;

static Bench benches[] = {
    { "wait", "sched_switch", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, ping_pong, -1, -1 },
    { "net_receive", "cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, send_datagrams, -1, -1 },
    { "net_transmit", "cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, send_datagrams, -1, -1 },
    { "block_start", "block_io_start", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, write_blocks, -1, -1 },
    { "block_complete", "block_rq_complete", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, write_blocks, -1, -1 },
    { "exits", "sched_process_exit", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, make_exits, -1, -1 },
    { "filter_ingress", "cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, send_datagrams, -1, -1 },
    { "filter_egress", "cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, send_datagrams, -1, -1 },
    { "filter_device", "cgroup_device", BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE, open_devices, -1, -1 },
    { "filter_bind4", "bind4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND, bind_sockets, -1, -1 },
};

static bool is_tracing(const Bench *bench) {
    return bench->type == BPF_PROG_TYPE_TRACING;
}

static bool is_filter(const Bench *bench) {
    return strncmp(bench->name, "filter_", 7) == 0;
}

typedef struct Count {
    uint64_t nsec;
    uint64_t runs;
} Count;

static Count count_program(int prog_fd) {
    struct bpf_prog_info info = {};
    uint32_t size = sizeof(info);

    CHECK_EQ(bpf_obj_get_info_by_fd(prog_fd, &info, &size), 0);
    return (Count){ info.run_time_ns, info.run_cnt };
}

/* --- filters ----------------------------------------------------------------------------------------------------- */

/* As a careful policy has them: a handful of prefixes and ports; the device asked for is the last of its rules. */
static void set_filters(Programs *programs, const Workload *w) {
    Filters filters = { .device_policy = DEVICE_POLICY_CLOSED };
    const Filters *chain[] = { &filters };
    FilterRules rules[FILTERS_COUNT];
    const char *problem;

    CHECK_EQ(filters_add_addresses(&filters, false, "any", &problem), 0);
    CHECK_EQ(filters_add_addresses(&filters, true, "localhost 10.0.0.0/8 192.168.0.0/16 2001:db8::/32", &problem), 0);
    CHECK_EQ(filters_add_bind(&filters, false, "tcp:1-1023", &problem), 0);
    CHECK_EQ(filters_add_bind(&filters, false, "udp:1-1023", &problem), 0);
    CHECK_EQ(filter_rules_of_devices(&filters, NULL, 0, &rules[FILTER_DEVICES]), 0);
    CHECK_EQ(filter_rules_of_addresses(chain, 1, &rules[FILTER_ADDRESSES]), 0);
    CHECK_EQ(filter_rules_of_binds(&filters, &rules[FILTER_BINDS]), 0);
    for (int i = 0; i < FILTERS_COUNT; i++) {
        char *message = NULL;

        CHECK_EQ(filter_set(programs, w->owner_fd, w->slot, &rules[i], &message), 0);
        filter_rules_done(&rules[i]);
    }
    filters_done(&filters);
}

static Count count_filter(const Bench *bench, const Workload *w) {
    uint32_t id, n = 1, flags;

    CHECK_EQ(bpf_prog_query(w->owner_fd, bench->attach_type, 0, &flags, &id, &n), 0);
    _cleanup_(cleanup_close) int fd = bpf_prog_get_fd_by_id(id);
    return count_program(fd);
}

static int load_empty(const Bench *bench) {
    LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = bench->attach_type);
    const struct bpf_insn insns[] = {
        { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = is_tracing(bench) ? 0 : 1 },
        { .code = BPF_JMP | BPF_EXIT },
    };
    int id = is_tracing(bench) ? libbpf_find_vmlinux_btf_id(bench->hook, BPF_TRACE_RAW_TP) : 0;

    if (id < 0)
        return id;
    opts.attach_btf_id = (uint32_t) id;
    return bpf_prog_load(bench->type, "empty", "GPL", insns, ELEMENTSOF(insns), &opts);
}

static bool attach_empty(Bench *bench) {
    bench->prog_fd = load_empty(bench);
    if (bench->prog_fd < 0)
        return false;
    bench->link_fd = is_tracing(bench) ? bpf_raw_tracepoint_open(NULL, bench->prog_fd)
                                       : bpf_link_create(bench->prog_fd, tree_fd, bench->attach_type, NULL);
    CHECK(bench->link_fd >= 0);
    return true;
}

/* Measuring. */

static Count count_ours(Programs *programs, const Bench *bench, const Workload *w) {
    if (is_filter(bench))
        return count_filter(bench, w);

    ProgramState states[16];
    size_t n = programs_states(programs, states, ELEMENTSOF(states));

    for (size_t i = 0; i < n; i++)
        if (strcmp(states[i].name, bench->name) == 0)
            return (Count){ states[i].run_nsec, states[i].runs };
    CHECK_FAIL("no program %s", bench->name);
}

static double nsec_per_run(Count before, Count after) {
    return after.runs > before.runs ? (double) (after.nsec - before.nsec) / (double) (after.runs - before.runs) : 0;
}

static void do_work(const Workload *w, void (*work)(void)) {
    cpu_set_t cpu;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid > 0) {
        CHECK_EQ(wait_for(pid), 0);
        return;
    }
    CPU_ZERO(&cpu);
    CPU_SET(0, &cpu);
    join(w->leaf_fd);
    CHECK_EQ(sched_setaffinity(0, sizeof(cpu), &cpu), 0);
    work();
    _exit(0);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

static double median(double *values) {
    qsort(values, ROUNDS, sizeof(*values), compare);
    return values[ROUNDS / 2];
}

static void measure(Programs *programs, Bench *bench, const Workload *w) {
    double ours[ROUNDS], empty[ROUNDS];
    Count first = count_ours(programs, bench, w), last = first;

    if (!attach_empty(bench))
        return;
    for (int i = 0; i < ROUNDS; i++) {
        Count empty_before = count_program(bench->prog_fd), ours_before = count_ours(programs, bench, w);

        do_work(w, bench->work);
        last = count_ours(programs, bench, w);
        ours[i] = nsec_per_run(ours_before, last);
        empty[i] = nsec_per_run(empty_before, count_program(bench->prog_fd));
    }
    if (last.runs == first.runs)
        return; /* not loaded here */
    double our_nsec = median(ours), empty_nsec = median(empty);
    printf("%-15s %-18s %8.0f %8.0f %8.0f %10" PRIu64 "\n", bench->name, bench->hook, our_nsec, empty_nsec,
            our_nsec - empty_nsec, last.runs - first.runs);
    close(bench->link_fd);
    close(bench->prog_fd);
}

static void measure_all(bool no_storage) {
    Programs *programs = open_programs(no_storage);
    Workload w = make_workload(programs, no_storage ? "by-id" : "by-storage");

    CHECK_EQ(programs_measure(programs, true), 0);
    set_filters(programs, &w);
    printf("slots by %s\n%-15s %-18s %8s %8s %8s %10s\n", no_storage ? "cgroup id" : "cgroup storage", "program",
            "hook", "ns/run", "empty", "above", "runs");
    for (size_t i = 0; i < ELEMENTSOF(benches); i++)
        measure(programs, &benches[i], &w);
    remove_workload(programs, &w, no_storage ? "by-id" : "by-storage");
    programs_close(programs);
    unpin();
}

static void bench(void) {
    measure_all(false);
    measure_all(true);
}

int main(int argc, char *argv[]) {
    return run_in_fixture(argc, argv, bench);
}
