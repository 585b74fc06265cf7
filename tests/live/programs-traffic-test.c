/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Network and block I/O as our eBPF programs see them. Network against known payloads and the counters of the loopback
 * interface; block against what was written with O_DIRECT and, where io is on cgroup v2, by a later writeback.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/live/programs-fixture.h"

enum {
    SENT_BYTES = 16 * MIB,
    CHUNK_BYTES = 64 * 1024,
    DATAGRAMS = 500,
    DATAGRAM_BYTES = 1000,
    WRITTEN_BYTES = 4 * MIB,
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    TCP_HEADER = 32, /* with timestamps */
    UDP_HEADER = 8,
};

static uint8_t chunk[CHUNK_BYTES] __attribute__((aligned(4096)));

/* Network. */

typedef union Address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} Address;

static Address loopback(int family) {
    Address address = { .any.sa_family = (sa_family_t) family };

    if (family == AF_INET)
        address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        address.v6.sin6_addr = in6addr_loopback;
    return address;
}

/* A bound socket, made by the leaf's own process so that it is the leaf's. */
static int bound_socket(int family, int type, Address *ret_address) {
    Address address = loopback(family);
    socklen_t size = sizeof(address);
    int fd = socket(family, type | SOCK_CLOEXEC, 0), bytes = 4 * MIB;

    CHECK(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    CHECK_EQ(bind(fd, &address.any, family == AF_INET ? sizeof(address.v4) : sizeof(address.v6)), 0);
    CHECK_EQ(getsockname(fd, &address.any, &size), 0);
    *ret_address = address;
    return fd;
}

static int connected_socket(int type, const Address *address) {
    int fd = socket(address->any.sa_family, type | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0);
    CHECK_EQ(connect(fd, &address->any, sizeof(*address)), 0);
    return fd;
}

static void receive(int family, int type, int ready_fd) {
    size_t expected = type == SOCK_STREAM ? SENT_BYTES : DATAGRAMS * DATAGRAM_BYTES, got = 0;
    Address address;
    int fd = bound_socket(family, type, &address);

    if (type == SOCK_STREAM)
        CHECK_EQ(listen(fd, 1), 0);
    CHECK_EQ(write(ready_fd, &address, sizeof(address)), (ssize_t) sizeof(address));
    if (type == SOCK_STREAM)
        fd = accept(fd, NULL, NULL);
    CHECK(fd >= 0);
    while (got < expected) {
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);

        CHECK(n > 0);
        got += (size_t) n;
    }
}

static void transmit(int type, const Address *address) {
    int fd = connected_socket(type, address);

    if (type == SOCK_STREAM)
        for (int i = 0; i < SENT_BYTES / CHUNK_BYTES; i++)
            CHECK_EQ(send(fd, chunk, sizeof(chunk), MSG_WAITALL), (ssize_t) sizeof(chunk));
    else
        for (int i = 0; i < DATAGRAMS; i++)
            CHECK_EQ(send(fd, chunk, DATAGRAM_BYTES, 0), DATAGRAM_BYTES);
}

static void pass(const Workload *from, const Workload *to, int family, int type) {
    pid_t receiver, sender;
    Address address;
    int ready[2];

    CHECK_EQ(pipe2(ready, O_CLOEXEC), 0);
    receiver = fork();
    CHECK(receiver >= 0);
    if (receiver == 0) {
        join(to->leaf_fd);
        receive(family, type, ready[1]);
        _exit(0);
    }
    CHECK_EQ(read(ready[0], &address, sizeof(address)), (ssize_t) sizeof(address));
    sender = fork();
    CHECK(sender >= 0);
    if (sender == 0) {
        join(from->leaf_fd);
        transmit(type, &address);
        _exit(0);
    }
    CHECK_EQ(wait_for(sender), 0);
    CHECK_EQ(wait_for(receiver), 0);
    close(ready[0]);
    close(ready[1]);
}

static uint64_t loopback_bytes(void) {
    FILE *file = fopen("/proc/self/net/dev", "re");
    uint64_t bytes = 0;
    char line[512];

    CHECK(file);
    while (bytes == 0 && fgets(line, sizeof(line), file))
        sscanf(line, " lo: %" SCNu64, &bytes);
    fclose(file);
    return bytes;
}

static void set_mtu(int mtu) {
    struct ifreq request = { .ifr_name = "lo", .ifr_mtu = mtu };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    CHECK_EQ(ioctl(fd, SIOCSIFMTU, &request), 0);
    close(fd);
}

/* Every packet, acknowledgements and handshake too, is payload and the same headers, give or take options and resends. */
static void check_headers(const struct slot *tx, const struct slot *rx, int family, int type) {
    uint64_t header = (family == AF_INET ? IPV4_HEADER : IPV6_HEADER) + (type == SOCK_STREAM ? TCP_HEADER : UDP_HEADER);
    uint64_t payload = type == SOCK_STREAM ? SENT_BYTES : DATAGRAMS * DATAGRAM_BYTES;
    double percent = type == SOCK_STREAM ? 3 : 0;

    CHECK_NEAR(tx->transmit_bytes, payload + tx->transmit_packets * header, percent);
    CHECK_NEAR(rx->receive_bytes, payload + rx->receive_packets * header, percent);
    if (type == SOCK_DGRAM)
        CHECK_EQ(tx->transmit_packets, DATAGRAMS);
    else
        CHECK_NEAR(tx->receive_packets, rx->transmit_packets, percent);
}

static void check_passing(Programs *programs, int family, int type, int mtu) {
    Workload a = make_workload(programs, "net-a"), b = make_workload(programs, "net-b");
    uint64_t before, interface_bytes;
    struct slot tx, rx;

    set_mtu(mtu);
    before = loopback_bytes();
    pass(&a, &b, family, type);
    interface_bytes = loopback_bytes() - before;
    tx = read_slot(programs, a.slot);
    rx = read_slot(programs, b.slot);
    printf("IPv%d %s, mtu %d: %" PRIu64 " and %" PRIu64 " packets\n", family == AF_INET ? 4 : 6,
            type == SOCK_STREAM ? "TCP" : "UDP", mtu, (uint64_t) tx.transmit_packets, (uint64_t) rx.transmit_packets);
    check_headers(&tx, &rx, family, type);
    if (mtu == 1500 && type == SOCK_STREAM) /* cut up as a wire would have it, though loopback never does */
        CHECK(tx.transmit_packets >= SENT_BYTES / 1500);
    else
        CHECK_NEAR(tx.transmit_bytes + rx.transmit_bytes, interface_bytes, 1); /* loopback counts no link headers */
    remove_workload(programs, &a, "net-a");
    remove_workload(programs, &b, "net-b");
}

static void test_net(Programs *programs) {
    static const int families[] = { AF_INET, AF_INET6 };

    for (int i = 0; i < 2; i++) {
        check_passing(programs, families[i], SOCK_DGRAM, 65536);
        check_passing(programs, families[i], SOCK_STREAM, 65536);
        check_passing(programs, families[i], SOCK_STREAM, 1500);
    }
}

/* Block. */

static void write_out(int cgroup_fd, const char *path, int flags) {
    pid_t pid = fork();
    int fd;

    CHECK(pid >= 0);
    if (pid > 0) {
        CHECK_EQ(wait_for(pid), 0);
        return;
    }
    join(cgroup_fd);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    CHECK(fd >= 0);
    for (int i = 0; i < WRITTEN_BYTES / CHUNK_BYTES; i++)
        CHECK_EQ(write(fd, chunk, sizeof(chunk)), (ssize_t) sizeof(chunk));
    _exit(0);
}

/* Some kilobytes of metadata more are the file system's business. */
static void check_written(Programs *programs, const Workload *w) {
    BlockRow rows[BLOCK_DEVICES_MAX];
    struct slot counts = read_slot(programs, w->slot);
    uint64_t operations = 0, bytes = 0;
    size_t n;

    CHECK_EQ(programs_read_block(programs, w->slot, rows, ELEMENTSOF(rows), &n), 0);
    for (size_t i = 0; i < n; i++) {
        const struct block_io *io = &rows[i].io[BLOCK_WRITE];

        printf("device %u:%u: %llu bytes in %llu writes of %llu nsec\n", major(rows[i].device), minor(rows[i].device),
                io->bytes, io->operations, io->operations ? io->nsec / io->operations : 0);
        bytes += io->bytes;
        for (int direction = 0; direction < BLOCK_DIRECTIONS; direction++)
            operations += rows[i].io[direction].operations;
        if (io->operations > 0)
            CHECK(io->nsec / io->operations > 1000 && io->nsec / io->operations < 10 * NSEC_PER_SEC);
    }
    CHECK_NEAR(bytes, WRITTEN_BYTES, 2);
    CHECK_EQ(histogram_sum((const uint64_t *) counts.block_histogram), operations);
}

static void fold_block(Programs *programs, const Workload *w) {
    BlockRow rows[BLOCK_DEVICES_MAX], folded[BLOCK_DEVICES_MAX];
    size_t n, n_folded;
    uint32_t heir;

    CHECK_EQ(programs_slot_alloc(programs, &heir), 0);
    CHECK_EQ(programs_read_block(programs, w->slot, rows, ELEMENTSOF(rows), &n), 0);
    CHECK_EQ(programs_slot_fold(programs, w->slot, heir), 0);
    CHECK_EQ(programs_read_block(programs, heir, folded, ELEMENTSOF(folded), &n_folded), 0);
    CHECK_EQ(n_folded, n);
    for (size_t i = 0; i < n; i++)
        CHECK(memcmp(&rows[i], &folded[i], sizeof(rows[i])) == 0);
    CHECK_EQ(programs_read_block(programs, w->slot, rows, ELEMENTSOF(rows), &n), 0);
    CHECK_EQ(n, 0);
    CHECK_EQ(programs_slot_free(programs, heir), 0);
    CHECK_EQ(programs_read_block(programs, heir, folded, ELEMENTSOF(folded), &n_folded), 0);
    CHECK_EQ(n_folded, 0);
}

static void test_direct(Programs *programs, const char *path) {
    Workload w = make_workload(programs, "direct");

    write_out(w.leaf_fd, path, O_TRUNC); /* so that the blocks are there and only data is written next */
    sync();
    CHECK_EQ(programs_slot_free(programs, w.slot), 0);
    CHECK_EQ(programs_slot_claim(programs, w.slot), 0);
    write_out(w.leaf_fd, path, O_DIRECT);
    check_written(programs, &w);
    fold_block(programs, &w);
    remove_workload(programs, &w, "direct");
}

/* Written out by kernel workers and this process's sync(), but the leaf's data. */
static void test_writeback(Programs *programs, const char *path) {
    Workload w = make_workload(programs, "buffered");

    write_out(w.leaf_fd, path, 0);
    sync();
    check_written(programs, &w);
    remove_workload(programs, &w, "buffered");
}

static void test_block(Programs *programs) {
    char path[64];

    snprintf(path, sizeof(path), "/var/tmp/supervisord-block-test-%d", getpid());
    test_direct(programs, path);
    unlink(path); /* an inode is charged to whom dirtied it first */
    if (tree_has("io") && tree_has("memory"))
        test_writeback(programs, path);
    else
        printf("writeback: not tried, the tree has no io and memory controllers\n");
    unlink(path);
}

static void test(void) {
    Programs *programs = open_programs(false);

    check_states(programs);
    test_net(programs);
    test_block(programs);
    programs_close(programs);
}

int main(int argc, char *argv[]) {
    return run_in_fixture(argc, argv, test);
}
