/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Slots and pins of our eBPF programs: what must outlive a daemon does, once, and what was pinned can be removed. */

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crash-point.h"
#include "tests/live/programs-fixture.h"

/* Slots. */

static void test_slots(Programs *programs) {
    uint32_t slots[SLOTS], slot;

    CHECK_EQ(programs_slots_max(programs), SLOTS);
    CHECK_EQ(programs_slot_claim(programs, 5), 0);
    CHECK_EQ(programs_slot_claim(programs, 5), -EBUSY);
    CHECK_EQ(programs_slot_claim(programs, SLOTS), -ERANGE);
    for (int i = 0; i < SLOTS - 2; i++) {
        CHECK_EQ(programs_slot_alloc(programs, &slots[i]), 0);
        CHECK(slots[i] != SLOT_OTHER && slots[i] != 5);
    }
    CHECK_EQ(programs_slot_alloc(programs, &slot), -ENOSPC);
    CHECK_EQ(programs_slot_free(programs, 5), 0);
    CHECK_EQ(programs_slot_alloc(programs, &slot), 0);
    CHECK_EQ(slot, 5);
    for (int i = 0; i < SLOTS - 2; i++)
        CHECK_EQ(programs_slot_free(programs, slots[i]), 0);
    CHECK_EQ(programs_slot_free(programs, 5), 0);
}

/* A process that waits often, as it sleeps often. */
static void be_switched(int cgroup_fd, int times) {
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        join(cgroup_fd);
        for (int i = 0; i < times; i++)
            usleep(1000);
        _exit(0);
    }
    CHECK_EQ(wait_for(pid), 0);
}

/* A process that is waited for may be switched in once more to die. */
static struct slot read_settled(Programs *programs, uint32_t slot) {
    struct slot before, now = read_slot(programs, slot);

    do {
        before = now;
        usleep(50 * 1000);
        now = read_slot(programs, slot);
    } while (now.waits != before.waits);
    return now;
}

static void test_fold(Programs *programs) {
    Workload w = make_workload(programs, "fold");
    struct slot child, parent;
    uint32_t slot;

    be_switched(w.leaf_fd, 200);
    CHECK_EQ(programs_slot_alloc(programs, &slot), 0);
    for (int i = 1; i <= 2; i++) {
        child = read_settled(programs, w.slot);
        parent = read_slot(programs, slot);
        CHECK(i == 2 || child.waits >= 190);
        CHECK_EQ(programs_slot_fold(programs, w.slot, slot), 0);
        CHECK_EQ(read_slot(programs, slot).waits, parent.waits + child.waits);
        CHECK_EQ(read_slot(programs, slot).wait_nsec, parent.wait_nsec + child.wait_nsec);
        CHECK_EQ(read_slot(programs, w.slot).waits, 0);
    }
    CHECK_EQ(programs_slot_free(programs, slot), 0);
    CHECK_EQ(read_slot(programs, slot).waits, 0);
    remove_workload(programs, &w, "fold");
}

/* Dies at the n-th point of a fold; whether there are so many. */
static bool fold_and_die(const Workload *w, uint32_t heir, unsigned n) {
    char path[] = "/tmp/crash-at-XXXXXX";
    int status, fd = mkstemp(path);
    pid_t pid = fork();

    CHECK(fd >= 0 && pid >= 0);
    if (pid == 0) {
        Programs *programs = open_programs(false);

        setenv("SUPERVISORD_CRASH_AT", path, 1);
        CHECK_EQ(write(fd, &n, sizeof(n)), (ssize_t) sizeof(n));
        CHECK_EQ(crash_points_open(), 0);
        _exit(programs_slot_fold(programs, w->slot, heir) == 0 ? 0 : 1);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(unlink(path) == 0 && close(fd) == 0);
    CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

/* Whenever the daemon dies, what the removed group had counted is its slice's, once. */
static void test_fold_dies(Programs *programs) {
    Workload w = make_workload(programs, "dies");
    uint32_t heir;
    unsigned n = 0;
    bool dies = true;

    CHECK_EQ(programs_slot_alloc(programs, &heir), 0);
    while (dies) {
        Programs *next;

        be_switched(w.leaf_fd, 5);
        uint64_t own = read_settled(programs, w.slot).waits, waits = read_slot(programs, heir).waits + own;
        CHECK(own > 0);
        CHECK_EQ(programs_slot_bequeath(programs, w.slot, heir), 0);
        dies = fold_and_die(&w, heir, ++n);
        next = open_programs(false);
        CHECK_EQ(programs_slot_claim(next, heir), 0);
        CHECK_EQ(programs_slots_recover(next), 0);
        CHECK_EQ(read_slot(next, heir).waits, waits);
        CHECK_EQ(read_slot(next, w.slot).waits, 0);
        programs_close(next);
    }
    CHECK(n > 4);
    CHECK_EQ(programs_slot_free(programs, heir), 0);
    remove_workload(programs, &w, "dies");
}

/* Pins. */

typedef struct Links {
    uint32_t ids[16];
    int n;
} Links;

static Links pinned_links(void) {
    DIR *dir = opendir(PIN_DIR);
    Links links = {};

    CHECK(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct bpf_link_info info = {};
        uint32_t size = sizeof(info);
        char path[512];
        int fd;

        if (strncmp(entry->d_name, "link_", 5) != 0)
            continue;
        snprintf(path, sizeof(path), PIN_DIR "/%s", entry->d_name);
        fd = bpf_obj_get(path);
        CHECK(fd >= 0 && links.n < 16);
        CHECK_EQ(bpf_obj_get_info_by_fd(fd, &info, &size), 0);
        links.ids[links.n++] = info.id;
        close(fd);
    }
    closedir(dir);
    return links;
}

/* The kernel ends links in the background, some seconds later where it saves on wake-ups. */
static void await_end_of(uint32_t id) {
    for (int i = 0; i < 6000; i++) {
        int fd = bpf_link_get_fd_by_id(id);

        if (fd < 0 && errno == ENOENT)
            return;
        close_fd(fd);
        usleep(10000);
    }
    CHECK_FAIL("link %" PRIu32 " is still there", id);
}

static bool has_link(const Links *links, uint32_t id) {
    for (int i = 0; i < links->n; i++)
        if (links->ids[i] == id)
            return true;
    return false;
}

/* The daemon goes, the workload goes on, another daemon comes. */
static Programs *test_restart(Programs *programs) {
    uint8_t invocation[INVOCATION_SIZE] = { 1, 2, 3 };
    Workload w = make_workload(programs, "restart");
    uint64_t waits[3];
    struct exit_record record;
    int gate[2];
    pid_t pid;
    char byte;

    be_switched(w.leaf_fd, 50);
    waits[0] = read_slot(programs, w.slot).waits;
    CHECK_EQ(pipe2(gate, O_CLOEXEC), 0);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(gate[1]);
        CHECK_EQ(read(gate[0], &byte, 1), 0);
        _exit(42);
    }
    CHECK_EQ(programs_exit_register(programs, pid, start_ticks(pid), invocation), 0);
    programs_close(programs);
    be_switched(w.leaf_fd, 50);
    close(gate[0]);
    close(gate[1]);
    wait_for(pid);

    Links before = pinned_links(), after;
    programs = open_programs(false);
    after = pinned_links();
    CHECK(before.n >= 6 && before.n == after.n);
    for (int i = 0; i < before.n; i++)
        CHECK(has_link(&after, before.ids[i]));
    waits[1] = read_slot(programs, w.slot).waits;
    CHECK(waits[1] >= waits[0] + 45);
    CHECK_EQ(programs_exit_read(programs, invocation, &record), 0);
    CHECK_EQ(record.status, 42 << 8);
    CHECK_EQ(programs_slot_claim(programs, w.slot), 0);
    be_switched(w.leaf_fd, 50);
    waits[2] = read_slot(programs, w.slot).waits;
    printf("waits %lu %lu %lu\n", waits[0], waits[1], waits[2]);
    CHECK(waits[2] >= waits[1] + 45 && waits[2] < waits[1] + 150); /* once, not twice */
    remove_workload(programs, &w, "restart");
    return programs;
}

/* As a new version would: other programs take the place of the pinned ones. */
static Programs *test_replace(Programs *programs) {
    Workload w = make_workload(programs, "replace");
    Links old, new;
    uint64_t before;

    be_switched(w.leaf_fd, 50);
    before = read_slot(programs, w.slot).waits;
    programs_close(programs);
    old = pinned_links();
    programs = open_programs(true);
    check_states(programs);
    new = pinned_links();
    CHECK_EQ(new.n, old.n);
    for (int i = 0; i < old.n; i++)
        if (!has_link(&new, old.ids[i])) /* cgroup links were updated */
            await_end_of(old.ids[i]);
    CHECK(read_slot(programs, w.slot).waits >= before);
    before = read_slot(programs, w.slot).waits;
    be_switched(w.leaf_fd, 50);
    CHECK(read_slot(programs, w.slot).waits >= before + 45);
    CHECK(read_slot(programs, w.slot).waits < before + 150);
    remove_workload(programs, &w, "replace");
    return programs;
}

/* One more end than there is room for: it is counted, and told as unknown. */
static void test_lost_exits(Programs *programs) {
    uint8_t invocation[INVOCATION_SIZE] = { [INVOCATION_SIZE - 1] = 9 };
    struct exit_record record = {};
    struct exit_key key = {};
    uint64_t lost;
    int fd = bpf_obj_get(PIN_DIR "/exit_records"), gate[2];
    char byte;

    CHECK(fd >= 0);
    for (uint32_t i = 1; bpf_map_update_elem(fd, &key, &record, BPF_ANY) == 0; i++)
        memcpy(&key, &i, sizeof(i));
    CHECK_EQ(errno, E2BIG);
    close(fd);
    CHECK_EQ(pipe2(gate, O_CLOEXEC), 0);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        close(gate[1]);
        CHECK_EQ(read(gate[0], &byte, 1), 0);
        _exit(0);
    }
    CHECK_EQ(programs_exit_register(programs, pid, start_ticks(pid), invocation), 0);
    close(gate[0]);
    close(gate[1]);
    wait_for(pid);
    CHECK_EQ(programs_exit_read(programs, invocation, &record), -ENOENT);
    CHECK_EQ(programs_exits_lost(programs, &lost), 0);
    CHECK_EQ(lost, 1);
}

static void test_other_layout(void) {
    struct abi abi;
    uint32_t zero = 0;
    Programs *programs;
    int fd = bpf_obj_get(PIN_DIR "/abi");

    CHECK(fd >= 0);
    CHECK_EQ(bpf_map_lookup_elem(fd, &zero, &abi), 0);
    abi.version++;
    CHECK_EQ(bpf_map_update_elem(fd, &zero, &abi, BPF_ANY), 0);
    programs = open_programs(false);
    ProgramState state;
    programs_states(programs, &state, 1);
    CHECK(!state.loaded);
    printf("other layout: %s\n", state.reason);
    CHECK(strstr(state.reason, "layout"));
    CHECK_EQ(programs_slot_alloc(programs, &zero), -ENODATA);
    programs_close(programs);
    close(fd);
}

static void test_unpin(void) {
    Links links = pinned_links();

    unpin();
    CHECK_EQ(access("/sys/fs/bpf/supervisord-test", F_OK), -1);
    for (int i = 0; i < links.n; i++)
        await_end_of(links.ids[i]);
    unpin();
}

static void test_unpinned(void) {
    ProgramsConfig config = { .pin_dir = "/tmp/no-bpf-file-system", .tree_fd = -1, .slots_max = SLOTS };
    ProgramState states[16];
    Programs *programs;
    size_t n;

    CHECK_EQ(programs_open(&config, &programs), 0);
    n = programs_states(programs, states, ELEMENTSOF(states));
    CHECK(n > 1 && states[0].loaded && states[1].loaded);
    printf("unpinned: %s; %s: %s\n", states[0].reason, states[n - 1].name, states[n - 1].reason);
    CHECK(strstr(states[0].reason, "not pinned"));
    CHECK(!states[n - 1].loaded && states[n - 1].reason[0]);
    CHECK_EQ(programs_refresh(programs), -ENODATA);
    programs_close(programs);
}

static void test(void) {
    Programs *programs = open_programs(false);

    check_states(programs);
    test_slots(programs);
    test_fold(programs);
    test_fold_dies(programs);
    programs = test_restart(programs);
    programs = test_replace(programs);
    test_lost_exits(programs);
    programs_close(programs);
    test_other_layout();
    test_unpin();
    test_unpinned();
}

int main(int argc, char *argv[]) {
    return run_in_fixture(argc, argv, test);
}
