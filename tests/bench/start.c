/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Start to exit of /bin/true: by the daemon, bare, and by crun. The ways take turns, so that what else goes on in the
 * machine falls on all of them alike; the median of each is printed beside that of what it is measured against. The
 * daemon is asked over one connection and answers when it has reaped the process: what is measured is a whole call.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "serve/protocol.h"

#define PAYLOAD "/bin/true"

enum {
    SAMPLES_MAX = 4096,
    CALL_TIMEOUT_USEC = 30 * 1000 * 1000,
    WARM_PORTS = 2,
    REST_USEC = 50 * 1000,
    RESTS_MAX = 600,
    SHAPE_BYTES =
            768 * 1024, /* what the daemon has written to: a fork copies page tables, and pages on the next write */
};

typedef struct Options {
    const char *socket_path;
    const char *bridge; /* a network of the policy, and an address in it; NULL: none */
    const char *address;
    const char *ports;       /* the directory of the bridge's ports */
    const char *warm_bridge; /* the same of a network with WARM_PORTS namespaces ready */
    const char *warm_address;
    const char *warm_ports;
    const char *bundle;         /* of crun, cgroup only; NULL: none */
    const char *network_bundle; /* and with a network namespace */
    const char *supctl;         /* its start-up; NULL: none */
    const char *note;           /* said with each figure of the daemon */
    unsigned rounds, starts;
} Options;

static Options options = { .note = "", .rounds = 5, .starts = 20 };
static sd_bus *bus;
static int null_fd;
static FILE *table; /* what was stdout: that of those that are started leads nowhere */
static unsigned n_runs;
static char shape[SHAPE_BYTES];

static _Noreturn void fail(const char *what, int r) {
    fprintf(stderr, "start: %s: %s\n", what, strerror(-r));
    exit(EXIT_FAILURE);
}

static void await(pid_t pid) {
    int status;

    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        fail("cannot start a process", -errno);
    if (status != 0)
        fail("a process that was started failed", -ECHILD);
}

/* --- the ways ---------------------------------------------------------------------------------------------------- */

static void start_by_fork(void) {
    pid_t pid = fork();

    if (pid == 0) {
        execl(PAYLOAD, PAYLOAD, NULL);
        _exit(EXIT_FAILURE);
    }
    await(pid);
}

static void spawn(char **arguments) {
    pid_t pid;
    int r = posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ);

    if (r != 0)
        fail(arguments[0], -r);
    await(pid);
}

static void start_by_spawn(void) {
    spawn((char *[]){ (char *) PAYLOAD, NULL });
}

static void start_by_crun(const char *bundle) {
    char name[64];

    snprintf(name, sizeof name, "bench-%d-%u", getpid(), n_runs++);
    const char *arguments[] = { "crun", "--cgroup-manager=cgroupfs", "run", "--bundle", bundle, name, NULL };
    spawn((char **) arguments);
}

static void start_by_crun_plain(void) {
    start_by_crun(options.bundle);
}

static void start_by_crun_network(void) {
    start_by_crun(options.network_bundle);
}

static void start_supctl(void) {
    const char *arguments[] = { options.supctl, "--version", NULL };

    spawn((char **) arguments);
}

/* With a call to the daemon: the socket is in the environment. */
static void start_supctl_version(void) {
    const char *arguments[] = { options.supctl, "version", NULL };

    spawn((char **) arguments);
}

static int compose(const char *network, const char *address, sd_bus_message **ret) {
    sd_bus_message *call = NULL;
    char name[64];
    int r = sd_bus_message_new_method_call(bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Run");

    snprintf(name, sizeof name, "bench-%u", n_runs++);
    if (r >= 0)
        r = sd_bus_message_append(call, "sas", name, 1, PAYLOAD);
    if (r >= 0 && address)
        r = sd_bus_message_append(call, "a(ss)", 2, "Network", network, "Address", address);
    else if (r >= 0)
        r = sd_bus_message_append(call, "a(ss)", 1, "Network", network);
    if (r >= 0)
        r = sd_bus_message_append(call, "asshhhb", 0, "/", null_fd, null_fd, null_fd, true);
    if (r < 0)
        fail("cannot compose a call", r);
    *ret = call;
    return r;
}

static void start_by_daemon(const char *network, const char *address) {
    sd_bus_message *call = NULL, *reply = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int known = 0, signaled = 0, code = 0;

    compose(network, address, &call);
    if (sd_bus_call(bus, call, CALL_TIMEOUT_USEC, &error, &reply) < 0) {
        fprintf(stderr, "start: %s\n", error.message);
        exit(EXIT_FAILURE);
    }
    if (sd_bus_message_read(reply, "subbi", NULL, NULL, &known, &signaled, &code) < 0 || !known || signaled ||
            code != 0)
        fail("a process that the daemon started failed", -ECHILD);
    sd_bus_message_unref(reply);
    sd_bus_message_unref(call);
}

static void start_plain(void) {
    start_by_daemon("host", NULL);
}

static void start_private(void) {
    start_by_daemon("private", NULL);
}

static void start_bridged(void) {
    start_by_daemon(options.bridge, options.address);
}

static void start_warm(void) {
    start_by_daemon(options.warm_bridge, options.warm_address);
}

/* --- alone ------------------------------------------------------------------------------------------------------- */

static unsigned count_ports(const char *directory) {
    unsigned n = 0;
    DIR *dir = opendir(directory);

    if (!dir)
        fail(directory, -errno);
    for (struct dirent *entry; (entry = readdir(dir));)
        n += *entry->d_name != '.';
    closedir(dir);
    return n;
}

/*
 * The kernel takes a namespace away long after its last process has ended, under the lock that the next start wants. A port
 * is there some time before the daemon is done with it.
 */
static void rest(void) {
    for (unsigned i = 0; count_ports(options.ports) != 0 || count_ports(options.warm_ports) != WARM_PORTS; i++) {
        if (i == RESTS_MAX)
            fail("the networks do not come to rest", -ETIMEDOUT);
        usleep(REST_USEC);
    }
    usleep(REST_USEC);
}

/* --- measuring --------------------------------------------------------------------------------------------------- */

typedef enum WayId {
    WAY_FORK,
    WAY_PLAIN,
    WAY_CRUN,
    WAY_SPAWN,
    WAY_PRIVATE,
    WAY_CRUN_NETWORK,
    WAY_BRIDGED,
    WAY_PLAIN_ALONE,
    WAY_BRIDGED_ALONE,
    WAY_WARM_ALONE,
    WAY_SUPCTL,
    WAY_SUPCTL_VERSION,
    WAYS_COUNT,
} WayId;

typedef struct Way {
    void (*start)(void);
    const char *words;
    bool rests; /* before each start */
    bool is_on;
    double median_usec;
    size_t n;
    double usec[SAMPLES_MAX];
} Way;

static Way ways[WAYS_COUNT] = {
    [WAY_FORK] = { start_by_fork, "fork, exec, wait" },
    [WAY_PLAIN] = { start_plain, "start to exit, cgroup" },
    [WAY_CRUN] = { start_by_crun_plain, "crun" },
    [WAY_SPAWN] = { start_by_spawn, "posix_spawn, wait" },
    [WAY_PRIVATE] = { start_private, "start to exit, cgroup and netns" },
    [WAY_CRUN_NETWORK] = { start_by_crun_network, "crun with netns" },
    [WAY_BRIDGED] = { start_bridged, "start to exit, on a bridge" },
    [WAY_PLAIN_ALONE] = { start_plain, "alone, cgroup", true },
    [WAY_BRIDGED_ALONE] = { start_bridged, "alone, on a bridge", true },
    [WAY_WARM_ALONE] = { start_warm, "alone, on a bridge, namespace ready", true },
    [WAY_SUPCTL] = { start_supctl, "supctl --version" },
    [WAY_SUPCTL_VERSION] = { start_supctl_version, "supctl version" },
};

static const struct {
    WayId way, beside;
    const char *goal;
} rows[] = {
    { WAY_PLAIN, WAY_FORK, "1.3" },
    { WAY_PLAIN, WAY_SPAWN, "" },
    { WAY_PLAIN, WAY_CRUN, "0.125" },
    { WAY_PRIVATE, WAY_FORK, "" },
    { WAY_PRIVATE, WAY_CRUN_NETWORK, "0.125" },
    { WAY_BRIDGED, WAY_FORK, "" },
    { WAY_BRIDGED, WAY_CRUN_NETWORK, "0.125" },
    { WAY_BRIDGED_ALONE, WAY_PLAIN_ALONE, "" },
    { WAY_WARM_ALONE, WAY_PLAIN_ALONE, "1.1" },
    { WAY_SUPCTL, WAY_SPAWN, "1.5" },
    { WAY_SUPCTL_VERSION, WAY_SPAWN, "" },
};

static double now_usec(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec * USEC_PER_SEC + (double) t.tv_nsec / NSEC_PER_USEC;
}

static void measure(Way *way, unsigned times) {
    for (unsigned i = 0; i < times && way->n < SAMPLES_MAX; i++) {
        if (way->rests)
            rest();
        double begin = now_usec();

        way->start();
        way->usec[way->n++] = now_usec() - begin;
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *) a, y = *(const double *) b;

    return x < y ? -1 : x > y;
}

static void measure_all(void) {
    for (Way *way = ways; way < ways + WAYS_COUNT; way++)
        if (way->is_on) {
            measure(way, 2); /* warms caches */
            way->n = 0;
        }
    for (unsigned round = 0; round < options.rounds; round++)
        for (Way *way = ways; way < ways + WAYS_COUNT; way++)
            if (way->is_on)
                measure(way, options.starts);
    for (Way *way = ways; way < ways + WAYS_COUNT; way++)
        if (way->is_on) {
            qsort(way->usec, way->n, sizeof way->usec[0], compare);
            way->median_usec = way->usec[way->n / 2];
        }
}

/* figure, value, beside, ratio, goal: as tests/bench/run wants them. */
static void print_rows(void) {
    for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
        const Way *way = ways + rows[i].way, *beside = ways + rows[i].beside;

        if (way->is_on && beside->is_on)
            fprintf(table, "%s%s\t%.0f us\t%.0f us %s\t%.2f\t%s\n", way->words,
                    rows[i].way >= WAY_SUPCTL ? "" : options.note, way->median_usec, beside->median_usec, beside->words,
                    way->median_usec / beside->median_usec, rows[i].goal);
    }
}

/* --- arguments --------------------------------------------------------------------------------------------------- */

static void connect_daemon(void) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", options.socket_path);
    if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) < 0)
        fail(options.socket_path, -errno);
    int r = sd_bus_new(&bus);
    if (r >= 0)
        r = sd_bus_set_fd(bus, fd, fd);
    if (r >= 0)
        r = sd_bus_negotiate_fds(bus, true);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r < 0)
        fail(options.socket_path, r);
}

static _Noreturn void usage(void) {
    fprintf(stderr,
            "usage: bench-start [--socket PATH [--bridge bridge:NETWORK --address IP] [--note TEXT]\n"
            "                    [--ports DIR --warm-bridge bridge:NETWORK --warm-address IP --warm-ports DIR]]\n"
            "                   [--bundle DIR] [--network-bundle DIR] [--supctl PATH] [--rounds N] [--starts N]\n");
    exit(2);
}

static const struct option table_of_options[] = {
    { "socket", required_argument, NULL, 's' },
    { "bridge", required_argument, NULL, 'b' },
    { "address", required_argument, NULL, 'a' },
    { "warm-bridge", required_argument, NULL, 'w' },
    { "warm-address", required_argument, NULL, 'x' },
    { "ports", required_argument, NULL, 'y' },
    { "warm-ports", required_argument, NULL, 'z' },
    { "note", required_argument, NULL, 'm' },
    { "bundle", required_argument, NULL, 'c' },
    { "network-bundle", required_argument, NULL, 'n' },
    { "supctl", required_argument, NULL, 'p' },
    { "rounds", required_argument, NULL, 'r' },
    { "starts", required_argument, NULL, 't' },
    {},
};

static void parse_arguments(int argc, char **argv) {
    const char **const texts[] = {
        ['s'] = &options.socket_path,
        ['b'] = &options.bridge,
        ['a'] = &options.address,
        ['w'] = &options.warm_bridge,
        ['x'] = &options.warm_address,
        ['y'] = &options.ports,
        ['z'] = &options.warm_ports,
        ['m'] = &options.note,
        ['c'] = &options.bundle,
        ['n'] = &options.network_bundle,
        ['p'] = &options.supctl,
    };

    for (int option; (option = getopt_long(argc, argv, "", table_of_options, NULL)) >= 0;)
        if (option == 'r' || option == 't')
            *(option == 'r' ? &options.rounds : &options.starts) = strtoul(optarg, NULL, 10);
        else if ((size_t) option < ELEMENTSOF(texts) && texts[option])
            *texts[option] = optarg;
        else
            usage();
    if (optind < argc || !options.rounds || !options.starts)
        usage();
}

static void silence_stdout(void) {
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    table = fd < 0 ? NULL : fdopen(fd, "w");
    if (!table || null_fd < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
        fail("cannot redirect stdout", -errno);
}

int main(int argc, char **argv) {
    parse_arguments(argc, argv);
    memset(shape, 1, sizeof shape);
    silence_stdout();
    if (options.socket_path)
        connect_daemon();
    ways[WAY_FORK].is_on = ways[WAY_SPAWN].is_on = true;
    ways[WAY_PLAIN].is_on = ways[WAY_PRIVATE].is_on = options.socket_path;
    ways[WAY_BRIDGED].is_on = options.socket_path && options.bridge && options.address;
    ways[WAY_PLAIN_ALONE].is_on = ways[WAY_BRIDGED_ALONE].is_on = ways[WAY_WARM_ALONE].is_on =
            ways[WAY_BRIDGED].is_on && options.ports && options.warm_bridge && options.warm_address &&
            options.warm_ports;
    ways[WAY_CRUN].is_on = options.bundle;
    ways[WAY_CRUN_NETWORK].is_on = options.network_bundle;
    ways[WAY_SUPCTL].is_on = options.supctl;
    ways[WAY_SUPCTL_VERSION].is_on = options.supctl && options.socket_path;
    measure_all();
    print_rows();
    return fclose(table) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
