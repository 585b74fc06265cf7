/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Filters as a process in the cgroup meets them: what is denied and what is not, what is counted, that other rules take the
 * place of those that are there, and that all of it goes with the cgroup.
 */

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kernel/filter.h"
#include "tests/live/programs-fixture.h"

enum {
    REPLACEMENTS = 20,
    GROUPS = 50,
    GONE_TRIES = 6000, /* of 10 msec */
    PORT = 9777,
};

static void say(Filters *filters, const char *key, const char *text) {
    const char *problem = NULL;
    int r = strcmp(key, "DeviceAllow") == 0      ? filters_allow_device(filters, text, &problem)
            : strcmp(key, "IPAddressAllow") == 0 ? filters_add_addresses(filters, true, text, &problem)
            : strcmp(key, "IPAddressDeny") == 0  ? filters_add_addresses(filters, false, text, &problem)
            : strcmp(key, "BindAllow") == 0      ? filters_add_bind(filters, true, text, &problem)
                                                 : filters_add_bind(filters, false, text, &problem);

    if (r < 0)
        CHECK_FAIL("%s=%s: %s", key, text, strerror(-r));
}

static FilterRules rules_of(const Filters *filters, FilterId filter) {
    FilterRules rules;

    CHECK_EQ(filter == FILTER_DEVICES     ? filter_rules_of_devices(filters, NULL, 0, &rules)
             : filter == FILTER_ADDRESSES ? filter_rules_of_addresses(&filters, 1, &rules)
                                          : filter_rules_of_binds(filters, &rules),
            0);
    return rules;
}

static void set(Programs *programs, const Workload *w, const Filters *filters, FilterId filter) {
    FilterRules rules = rules_of(filters, filter);
    char text[FILTER_TEXT_MAX], *message = NULL;

    int r = filter_set(programs, w->owner_fd, w->slot, &rules, &message);
    if (r < 0)
        CHECK_FAIL("%s: %s", strerror(-r), message ? message : "");
    CHECK_EQ(filter_read(programs, w->owner_fd, w->slot, filter, text), 0);
    CHECK_STREQ(text, rules.text);
    filter_rules_done(&rules);
}

static unsigned attached(const Workload *w, enum bpf_attach_type type) {
    uint32_t ids[64], n = ELEMENTSOF(ids), flags;

    CHECK_EQ(bpf_prog_query(w->owner_fd, type, 0, &flags, ids, &n), 0);
    return n;
}

static uint64_t denied(Programs *programs, const Workload *w, FilterId filter) {
    struct filter_denials denials;

    CHECK_EQ(programs_read_denials(programs, w->slot, &denials), 0);
    return denials.count[filter];
}

/* What f returns, 0 or an errno, when a process of the workload calls it. */
static int inside(const Workload *w, int (*f)(void)) {
    pid_t pid = fork();
    int status;

    CHECK(pid >= 0);
    if (pid == 0) {
        join(w->leaf_fd);
        _exit(f());
    }
    status = wait_for(pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* --- devices ----------------------------------------------------------------------------------------------------- */

static int open_null(void) {
    return open("/dev/null", O_RDWR) < 0 ? errno : 0;
}

static int read_zero(void) {
    return open("/dev/zero", O_RDONLY) < 0 ? errno : 0;
}

static int write_zero(void) {
    return open("/dev/zero", O_WRONLY) < 0 ? errno : 0;
}

static int open_kmsg(void) {
    return open("/dev/kmsg", O_RDONLY) < 0 ? errno : 0;
}

static void test_devices(Programs *programs, const Workload *w) {
    struct device_rule zero = { DEVICE_CHAR, 1, 5, 0 };
    const DeviceNumbers numbers[] = { { .specifier = (char *) "/dev/zero", .rules = &zero, .n_rules = 1 } };
    Filters filters = { .device_policy = DEVICE_POLICY_CLOSED };
    FilterRules rules;
    char *message = NULL;

    int kmsg = inside(w, open_kmsg); /* a container may lack the node */
    set(programs, w, &filters, FILTER_DEVICES);
    CHECK_EQ(inside(w, open_null), 0);
    CHECK_EQ(inside(w, write_zero), 0);
    CHECK_EQ(denied(programs, w, FILTER_DEVICES), 0);
    CHECK_EQ(inside(w, open_kmsg), kmsg == 0 ? EPERM : kmsg);
    CHECK_EQ(denied(programs, w, FILTER_DEVICES), kmsg == 0 ? 1 : 0);

    filters.device_policy = DEVICE_POLICY_STRICT;
    say(&filters, "DeviceAllow", "/dev/zero r");
    CHECK_EQ(filter_rules_of_devices(&filters, numbers, 1, &rules), 0);
    CHECK_EQ(filter_set(programs, w->owner_fd, w->slot, &rules, &message), 0);
    filter_rules_done(&rules);
    CHECK_EQ(inside(w, read_zero), 0);
    CHECK_EQ(inside(w, write_zero), EPERM);
    CHECK_EQ(inside(w, open_null), EPERM);
    CHECK_EQ(denied(programs, w, FILTER_DEVICES), kmsg == 0 ? 3 : 2);
    CHECK_EQ(attached(w, BPF_CGROUP_DEVICE), 1);

    filters_done(&filters);
    set(programs, w, &filters, FILTER_DEVICES);
    CHECK_EQ(attached(w, BPF_CGROUP_DEVICE), 0);
    CHECK_EQ(inside(w, open_null), 0);
}

/* --- addresses --------------------------------------------------------------------------------------------------- */

static int send_to(int family, const void *address) {
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (family == AF_INET)
        memcpy(&v4.sin_addr, address, sizeof v4.sin_addr);
    else
        memcpy(&v6.sin6_addr, address, sizeof v6.sin6_addr);
    return fd < 0 || sendto(fd, "x", 1, 0, family == AF_INET ? (struct sockaddr *) &v4 : (struct sockaddr *) &v6,
                             family == AF_INET ? sizeof v4 : sizeof v6) < 0
                   ? errno
                   : 0;
}

static int send4(void) {
    return send_to(AF_INET, (uint8_t[]){ 127, 0, 0, 1 });
}

static int send4_other(void) {
    return send_to(AF_INET, (uint8_t[]){ 127, 1, 2, 3 });
}

static int send6(void) {
    return send_to(AF_INET6, &in6addr_loopback);
}

static int outside_fd = -1; /* a cgroup without filters */

/* To a socket of its own, from outside: what does not come in is not refused, it is only not there. */
static int receive4(void) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    char byte;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    pid_t pid;

    if (fd < 0 || bind(fd, (struct sockaddr *) &address, size) < 0 ||
            getsockname(fd, (struct sockaddr *) &address, &size) < 0)
        return errno;
    pid = fork();
    if (pid == 0) {
        join(outside_fd);
        int out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        _exit(sendto(out, "x", 1, 0, (struct sockaddr *) &address, size) == 1 ? 0 : errno);
    }
    CHECK_EQ(wait_for(pid), 0); /* over loopback it is delivered before sendto returns */
    return recv(fd, &byte, 1, 0) == 1 ? 0 : errno;
}

static void test_addresses(Programs *programs, const Workload *w) {
    Filters filters = {};

    CHECK_EQ(inside(w, send4), 0);
    CHECK_EQ(inside(w, send6), 0);
    say(&filters, "IPAddressDeny", "any");
    set(programs, w, &filters, FILTER_ADDRESSES);
    CHECK_EQ(inside(w, send4), EPERM);
    CHECK_EQ(inside(w, send6), EPERM);
    CHECK_EQ(denied(programs, w, FILTER_ADDRESSES), 2);
    CHECK_EQ(inside(w, receive4), EAGAIN);
    CHECK_EQ(denied(programs, w, FILTER_ADDRESSES), 3);

    say(&filters, "IPAddressAllow", "::1 127.0.0.0/16");
    set(programs, w, &filters, FILTER_ADDRESSES);
    CHECK_EQ(inside(w, send4), 0);
    CHECK_EQ(inside(w, send6), 0);
    CHECK_EQ(inside(w, receive4), 0);
    CHECK_EQ(inside(w, send4_other), EPERM);
    CHECK_EQ(attached(w, BPF_CGROUP_INET_INGRESS), 1);
    CHECK_EQ(attached(w, BPF_CGROUP_INET_EGRESS), 1);
    filters_done(&filters);
    set(programs, w, &filters, FILTER_ADDRESSES);
    CHECK_EQ(inside(w, send4_other), 0);
}

/* --- binds ------------------------------------------------------------------------------------------------------- */

static int bind_to(int family, int type, uint16_t port) {
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    int fd = socket(family, type | SOCK_CLOEXEC, 0);

    return fd < 0 || bind(fd, family == AF_INET ? (struct sockaddr *) &v4 : (struct sockaddr *) &v6,
                             family == AF_INET ? sizeof v4 : sizeof v6) < 0
                   ? errno
                   : 0;
}

static int bind_tcp4(void) {
    return bind_to(AF_INET, SOCK_STREAM, PORT);
}

static int bind_tcp6(void) {
    return bind_to(AF_INET6, SOCK_STREAM, PORT);
}

static int bind_udp4(void) {
    return bind_to(AF_INET, SOCK_DGRAM, PORT);
}

static int bind_any_port(void) {
    return bind_to(AF_INET, SOCK_STREAM, 0);
}

static void test_binds(Programs *programs, const Workload *w) {
    Filters filters = {};

    say(&filters, "BindDeny", "any");
    say(&filters, "BindAllow", "tcp:9000-9999");
    set(programs, w, &filters, FILTER_BINDS);
    CHECK_EQ(inside(w, bind_tcp4), 0);
    CHECK_EQ(inside(w, bind_tcp6), 0);
    CHECK_EQ(inside(w, bind_udp4), EPERM);
    CHECK_EQ(inside(w, bind_any_port), EPERM);
    say(&filters, "BindAllow", "");
    say(&filters, "BindDeny", "");
    say(&filters, "BindDeny", "ipv6");
    set(programs, w, &filters, FILTER_BINDS);
    CHECK_EQ(inside(w, bind_udp4), 0);
    CHECK_EQ(inside(w, bind_tcp6), EPERM);
    CHECK_EQ(denied(programs, w, FILTER_BINDS), 3);
    filters_done(&filters);
    set(programs, w, &filters, FILTER_BINDS);
    CHECK_EQ(inside(w, bind_tcp6), 0);
}

/* --- all --------------------------------------------------------------------------------------------------------- */

static void set_some(Programs *programs, const Workload *w, bool some) {
    Filters filters = { .device_policy = some ? DEVICE_POLICY_STRICT : DEVICE_POLICY_CLOSED };

    say(&filters, "IPAddressDeny", some ? "any" : "localhost");
    say(&filters, "BindDeny", some ? "any" : "tcp");
    for (int filter = 0; filter < FILTERS_COUNT; filter++)
        set(programs, w, &filters, (FilterId) filter);
    filters_done(&filters);
}

static const enum bpf_attach_type hooks[] = { BPF_CGROUP_DEVICE, BPF_CGROUP_INET_INGRESS, BPF_CGROUP_INET_EGRESS,
    BPF_CGROUP_INET4_BIND, BPF_CGROUP_INET6_BIND };

static void test_replacing(Programs *programs, const Workload *w) {
    set_some(programs, w, true);
    CHECK_EQ(inside(w, send4), EPERM);
    uint64_t before = denied(programs, w, FILTER_ADDRESSES);
    for (int i = 0; i < REPLACEMENTS; i++)
        set_some(programs, w, i % 2);
    for (size_t i = 0; i < ELEMENTSOF(hooks); i++)
        CHECK_EQ(attached(w, hooks[i]), 1);
    CHECK_EQ(denied(programs, w, FILTER_ADDRESSES), before);
    CHECK_EQ(inside(w, send4), EPERM);
    CHECK_EQ(denied(programs, w, FILTER_ADDRESSES), before + 1);
}

/* Without the maps of the meters they hold all the same; and with them again they are told from ours. */
static void test_uncounted(Programs *programs, const Workload *w) {
    uint64_t before = denied(programs, w, FILTER_BINDS);
    char text[FILTER_TEXT_MAX];

    set_some(NULL, w, true);
    CHECK_EQ(inside(w, bind_tcp4), EPERM);
    CHECK_EQ(denied(programs, w, FILTER_BINDS), before);
    CHECK_EQ(filter_read(programs, w->owner_fd, w->slot, FILTER_BINDS, text), 0);
    CHECK_STREQ(text, "counted elsewhere");
    set_some(programs, w, true);
    for (size_t i = 0; i < ELEMENTSOF(hooks); i++)
        CHECK_EQ(attached(w, hooks[i]), 1);
}

/* On one hook of two only, as after a death between them. */
static void test_part(Programs *programs, const Workload *w) {
    uint32_t id, n = 1, flags;
    char text[FILTER_TEXT_MAX];

    CHECK_EQ(bpf_prog_query(w->owner_fd, BPF_CGROUP_INET_EGRESS, 0, &flags, &id, &n), 0);
    int fd = bpf_prog_get_fd_by_id(id);
    CHECK_EQ(bpf_prog_detach2(fd, w->owner_fd, BPF_CGROUP_INET_EGRESS), 0);
    close(fd);
    CHECK_EQ(filter_read(programs, w->owner_fd, w->slot, FILTER_ADDRESSES, text), 0);
    CHECK_STREQ(text, "in part");
    set_some(programs, w, true);
}

static unsigned count_programs(void) {
    unsigned n = 0;

    for (uint32_t id = 0; bpf_prog_get_next_id(id, &id) == 0;) {
        struct bpf_prog_info info = {};
        uint32_t size = sizeof info;
        int fd = bpf_prog_get_fd_by_id(id);

        if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && strncmp(info.name, "filter_", 7) == 0)
            n++;
        close_fd(fd);
    }
    return n;
}

/* What a filter costs, and that it goes with its cgroup, without any of us. */
static void test_many(Programs *programs) {
    Workload groups[GROUPS];
    char name[32];

    for (int i = 0; i < GROUPS; i++) {
        snprintf(name, sizeof name, "many%d", i);
        groups[i] = (Workload){ .slot = SLOT_OTHER };
        groups[i].owner_fd = make_cgroup(tree_fd, name, &groups[i].owner_id);
    }
    unsigned programs_before = count_programs();
    uint64_t before_nsec = now_nsec();
    for (int i = 0; i < GROUPS; i++)
        set_some(programs, groups + i, true);
    printf("%d groups with all three filters: %.2f ms each\n", GROUPS,
            (double) (now_nsec() - before_nsec) / 1e6 / GROUPS);
    CHECK_EQ(count_programs(), programs_before + GROUPS * ELEMENTSOF(hooks));

    before_nsec = now_nsec();
    for (int i = 0; i < GROUPS; i++)
        for (int filter = 0; filter < FILTERS_COUNT; filter++) {
            char text[FILTER_TEXT_MAX];
            CHECK_EQ(filter_read(programs, groups[i].owner_fd, SLOT_OTHER, (FilterId) filter, text), 0);
        }
    printf("read back in %.3f ms each\n", (double) (now_nsec() - before_nsec) / 1e6 / GROUPS);

    for (int i = 0; i < GROUPS; i++) {
        snprintf(name, sizeof name, "many%d", i);
        CHECK_EQ(unlinkat(tree_fd, name, AT_REMOVEDIR), 0);
        close(groups[i].owner_fd);
    }
    for (int i = 0; i < GONE_TRIES && count_programs() > programs_before; i++)
        usleep(10000); /* the kernel gives no event when it lets go */
    CHECK_EQ(count_programs(), programs_before);
}

static void test(void) {
    Programs *programs = open_programs(false);
    Workload w = make_workload(programs, "filtered");
    uint64_t unused;

    outside_fd = make_cgroup(tree_fd, "outside", &unused);

    for (int filter = 0; filter < FILTERS_COUNT; filter++) {
        char reason[160] = "";
        if (filter_try((FilterId) filter, reason, sizeof reason) < 0)
            CHECK_FAIL("%s: %s", filter_name((FilterId) filter), reason);
    }
    test_devices(programs, &w);
    test_addresses(programs, &w);
    test_binds(programs, &w);
    test_replacing(programs, &w);
    test_uncounted(programs, &w);
    test_part(programs, &w);
    test_many(programs);
    CHECK_EQ(unlinkat(tree_fd, "outside", AT_REMOVEDIR), 0);
    remove_workload(programs, &w, "filtered");
    programs_close(programs);
}

int main(int argc, char *argv[]) {
    return run_in_fixture(argc, argv, test);
}
