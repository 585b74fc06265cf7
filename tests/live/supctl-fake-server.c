/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The control protocol with canned answers, so that what supctl prints can be compared byte by byte, without root and
 * without a daemon. Only `Run` is real: it runs the command with the descriptors, environment and directory it was given.
 * Usage: supctl-fake-server SOCKET [faulty]; listens when it has written "ready". Faulty: a reload goes well but in part.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/strv.h"
#include "serve/protocol.h"

DEFINE_CLEANUP(sd_bus_message *, sd_bus_message_unref);

enum { BACKLOG = 8 };

static sd_event *event;
static bool is_faulty;
static unsigned n_samplings; /* on the newest connection */

/* The one transient workload that may run. */
static pid_t running_pid;
static sd_bus_message *running_call;
static char running_name[NAME_LENGTH_MAX + 1];

typedef struct CannedStatus {
    const char *name, *kind, *slice, *state;
    uint32_t pid;
    uint64_t age_usec; /* 0: never */
    uint64_t n_restarts;
    const char *last_exit, *degraded, *command;
} CannedStatus;

static const CannedStatus canned[] = {
    { "front", "slice", "", "active", 0, 0, 0, "", "", "" },
    { "web", "workload", "front", "running", 4242, 320500000, 0, "", "", "/usr/bin/python3 -m http.server 8080" },
    { "inner", "slice", "front", "active", 0, 0, 0, "", "set io.max: No such device", "" },
    { "hog", "workload", "inner", "backoff", 0, 4200000, 7, "signal KILL, out of memory", "", "/usr/bin/hog" },
    { "sleeper", "workload", "inner", "running", 4300, 90061500000, 1, "exit code 1", "", "/bin/sleep infinity" },
    { "evil", "workload", "", "failed", 0, 1500000, 0, "exit code 2", "",
            "/bin/echo \x1b[2J\x1b]0;owned\x07 \xe2\x80\xae"
            "caf\xc3\xa9\n\xc2\x9b" },
};

static const CannedStatus *find(const char *name) {
    for (size_t i = 0; i < ELEMENTSOF(canned); i++)
        if (strcmp(canned[i].name, name) == 0)
            return &canned[i];
    return NULL;
}

static int no_such(sd_bus_error *error) {
    return sd_bus_error_set(error, CONTROL_ERROR_NO_SUCH, "no such slice or workload");
}

static int is_slice(sd_bus_error *error) {
    return sd_bus_error_set(error, CONTROL_ERROR_SLICE, "it is a slice; give the names of workloads");
}

static int append_status(sd_bus_message *reply, const CannedStatus *s) {
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_usec = (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / NSEC_PER_USEC;
    uint64_t since_usec = s->age_usec > 0 ? now_usec - s->age_usec : 0;

    return sd_bus_message_append(reply, "(" CONTROL_STATUS_SIGNATURE ")", s->name, s->kind, s->slice, s->state, s->pid,
            since_usec, s->n_restarts, s->last_exit, s->degraded, s->command);
}

static int method_version(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    return sd_bus_reply_method_return(call, "s", "9.8.7");
}

static int method_policy_state(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    return sd_bus_reply_method_return(call, "bts", false, UINT64_C(1763784000000000),
            "a.ini:1: [slice:x] Foo=: unknown key\na.ini:2: [slice:x] Bar=: unknown key");
}

static int method_cat(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    const char *name;
    int r = sd_bus_message_read(call, "s", &name);

    if (r < 0)
        return r;
    if (*name && !find(name))
        return no_such(error);
    return sd_bus_reply_method_return(call, "s", *name ? "# a.ini:1\n[slice:x]\n# a.ini:2\nCPUWeight=10\n" : "# all\n");
}

/* As if somebody had edited the files since. */
static int method_cat_files(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    return sd_bus_reply_method_return(
            call, "s", "# a.ini:1\n[slice:x]\n# b.ini:7\nCPUWeight=20\n# a.ini:3 [slice:y]\nEnvironment=A=\"b c\"\n");
}

static int method_list(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;

    sd_bus_message_new_method_return(call, &reply);
    sd_bus_message_open_container(reply, 'a', "(" CONTROL_STATUS_SIGNATURE ")");
    for (size_t i = 0; i < ELEMENTSOF(canned); i++)
        append_status(reply, &canned[i]);
    sd_bus_message_close_container(reply);
    return sd_bus_send(NULL, reply, NULL);
}

/*
 * Each call is a second later than the one before. web uses 150 % CPU of the 300 that it is entitled to, sleeper 50 of 25; the
 * others have few meters.
 */
static int method_samples(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    double t = n_samplings++;

    return sd_bus_reply_method_return(call, "ta(sa{sd})", (uint64_t) (t * 1e6) + 1000000, 5, "front", 3, "cpu_usage",
            100 + 2 * t, "cpu_entitled", 4 * t, "memory_usage", 3e9, "web", 8, "cpu_usage", 10 + 1.5 * t,
            "cpu_entitled", 3 * t, "cpu_wait", 0.0123 * t, "memory_usage", 67108864.0, "io_read_bytes", 4096 * t,
            "io_write_bytes", 1.5e6 * t, "network_receive_bytes", 125 * t, "network_transmit_bytes", 6.25e6 * t,
            "inner", 1, "cpu_usage", 10 + 0.5 * t, "sleeper", 3, "cpu_usage", 10 + 0.5 * t, "cpu_entitled", 0.25 * t,
            "from_the_future", 1.0, "hog", 1, "cpu_usage", 10 - t);
}

static int append_show(sd_bus_message *reply, const CannedStatus *s) {
    append_status(reply, s);
    sd_bus_message_append(reply, "a(sssst)", 4, "CPUWeight", "300", "300", "300", UINT64_MAX, "MemoryMax", "64.0M",
            "64.0M", "front: 32.0M", UINT64_C(12), "TasksMax", "", "infinity", "infinity", UINT64_C(0),
            "NetworkEgressMax", "8Mbit/s", "", "8Mbit/s", UINT64_MAX);
    return sd_bus_message_append(reply, "a(ssds)", 9, "cpu", "cpu_entitlement", 1.5, "", "cpu", "cpu_usage", 83.25, "s",
            "cpu", "cpu_wait", 0.0123, "s", "cpu", "cpu_entitled", 91.2, "s", "cpu", "cpu_lent", 12.3, "s", "cpu",
            "cpu_borrowed", 4.55, "s", "cpu", "cpu_denied", 0.2, "s", "memory", "memory_usage", 67108864.0, "B",
            "tasks", "tasks", 17.0, "");
}

static int method_show(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    const char *name;
    int r = sd_bus_message_read(call, "s", &name);

    if (r < 0)
        return r;
    if (!find(name))
        return no_such(error);
    sd_bus_message_new_method_return(call, &reply);
    append_show(reply, find(name));
    return sd_bus_send(NULL, reply, NULL);
}

static int method_plan(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    return sd_bus_reply_method_return(call, "as", 2, "set web memory.max 67108864 (was max)", "spawn hog");
}

static int method_what_if(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    return sd_bus_reply_method_return(call, "a(sstt)", 5, "inner", "", UINT64_C(1500000), UINT64_C(2000000), "web",
            "inner", UINT64_C(1125000), UINT64_C(2000000), "cart", "inner", UINT64_C(375000), UINT64_MAX, "batch", "",
            UINT64_C(500000), UINT64_C(500000), "job", "", UINT64_MAX, UINT64_MAX);
}

static int method_reload(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    if (is_faulty)
        return sd_bus_reply_method_return(call, "asa(ss)", 2, "set io.max of inner to 8:0 rbps=1: No such device",
                "start web", 2, "inner", "set io.max: No such device", "", "cannot set the rules: \x1b[2JBusy");
    return sd_bus_error_set(error, CONTROL_ERROR_BAD_POLICY,
            "/etc/supervisord/web.ini:3: [workload:web] MemoryMx=: unknown key (did you mean MemoryMax=?)\n"
            "/etc/supervisord/web.ini:9: [workload:w\x1b] bad name");
}

/* Start and Restart of evil fail; of sleeper they break the connection. */
static int method_start(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    const char *name;
    int r = sd_bus_message_read(call, "s", &name);

    if (r < 0)
        return r;
    if (!find(name))
        return no_such(error);
    if (strcmp(find(name)->kind, "slice") == 0)
        return is_slice(error);
    if (strcmp(name, "evil") == 0)
        return sd_bus_error_set(error, CONTROL_ERROR_FAILED, "cannot set user 'www': no such user");
    if (strcmp(name, "sleeper") == 0) {
        sd_bus_close(sd_bus_message_get_bus(call));
        return 1;
    }
    return sd_bus_reply_method_return(call, NULL);
}

static int method_stop(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    const char *name;
    int r = sd_bus_message_read(call, "s", &name);

    if (r < 0)
        return r;
    if (running_pid > 0 && strcmp(name, running_name) == 0)
        kill(running_pid, SIGTERM);
    else if (!find(name))
        return no_such(error);
    else if (strcmp(find(name)->kind, "slice") == 0)
        return is_slice(error);
    else if (strcmp(name, "sleeper") == 0)
        return sd_bus_error_set(error, CONTROL_ERROR_FAILED, "it does not want to");
    return sd_bus_reply_method_return(call, NULL);
}

static int answer_run(bool is_known, bool is_signaled, int code) {
    int r = sd_bus_reply_method_return(running_call, "subbibt", running_name, (uint32_t) running_pid, is_known,
            is_signaled, code, is_signaled && code == SIGKILL, UINT64_C(1000));

    running_call = sd_bus_message_unref(running_call);
    return r;
}

static int on_exit_of_run(sd_event_source *source, const siginfo_t *info, void *userdata) {
    if (running_call)
        answer_run(true, info->si_code != CLD_EXITED, info->si_status);
    running_pid = 0;
    return 0;
}

static void exec_run(char **arguments, char **environment, const char *directory, const int *stdio) {
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int i = 0; i < 3; i++)
        dup2(stdio[i], i);
    if (chdir(directory) == 0)
        execvpe(arguments[0], arguments, environment);
    _exit(127);
}

/* Settings come as the payload's variable SETTINGS, so that a test can see them. */
static int read_settings(sd_bus_message *call, char **ret) {
    _cleanup_(cleanup_free) char *settings = strdup("SETTINGS=");
    const char *key, *value;
    int r = sd_bus_message_enter_container(call, 'a', "(ss)");

    while (r >= 0 && (r = sd_bus_message_read(call, "(ss)", &key, &value)) > 0) {
        _cleanup_(cleanup_free) char *before = TAKE_PTR(settings);

        r = text_printf(&settings, "%s%s=%s;", before, key, value);
    }
    if (r < 0)
        return r;
    *ret = TAKE_PTR(settings);
    return sd_bus_message_exit_container(call);
}

static int method_run(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    _cleanup_(cleanup_strv_free) char **arguments = NULL, **environment = NULL;
    _cleanup_(cleanup_free) char *settings = NULL;
    const char *name, *directory;
    int stdio[3], wait, r;

    if ((r = sd_bus_message_read(call, "s", &name)) < 0 || (r = sd_bus_message_read_strv(call, &arguments)) < 0)
        return r;
    if ((r = read_settings(call, &settings)) < 0 || (r = sd_bus_message_read_strv(call, &environment)) < 0)
        return r;
    r = sd_bus_message_read(call, "shhhb", &directory, &stdio[0], &stdio[1], &stdio[2], &wait);
    if (r < 0 || (r = strv_push(&environment, settings)) < 0)
        return r;
    if (find(name))
        return sd_bus_error_set(error, CONTROL_ERROR_FAILED, "there is a workload of this name");
    snprintf(running_name, sizeof(running_name), "%s", name);
    running_call = sd_bus_message_ref(call);
    running_pid = fork();
    if (running_pid == 0)
        exec_run(arguments, environment, directory, stdio);
    sd_event_add_child(event, NULL, running_pid, WEXITED, on_exit_of_run, NULL);
    return wait ? 1 : answer_run(false, false, 0);
}

static int method_check(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    return sd_bus_reply_method_return(call, "a(sssss)", 3, "cpu weight", "cpu controller (cpu.weight)", "enforced",
            "enabled on the tree", "", "io weight", "", "absent", "no io.weight: neither iocost nor bfq",
            "load the module bfq", "network", "tbf on the veth", "enforced", "sch_tbf is there", "");
}

static int method_journal(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    return sd_bus_reply_method_return(call, "tta(tss)", UINT64_C(2), UINT64_C(0), 2, UINT64_C(1763784600000000), "hog",
            "started hog (pid 4711)", UINT64_C(1763784599000000), "hog", "hog ended: signal KILL");
}

static int method_limits(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    return sd_bus_reply_method_return(call, "a(sa{sd})", 2, "web", 2, "CPUQuota", 2.0, "MemoryMax", 134217728.0,
            "front", 2, "MemoryMax", 4294967296.0, "FromTheFuture", 1.0);
}

/* Paths are below the directory in which the golden cases are. */
static int method_outputs(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    return sd_bus_reply_method_return(call, "a(ssss)", 4, "web", "front/web", "append:logs/web.log",
            "append:logs/web.log", "hog", "front/inner/hog", "null", "null", "sleeper", "front/inner/sleeper",
            "append:logs/missing.log", "append:logs/other.log", "evil", "evil", "file:logs", "null");
}

static int method_snapshot(sd_bus_message *call, void *userdata, sd_bus_error *error) {
    static const char text[] = "# HELP supervisord_up Is it.\n# TYPE supervisord_up gauge\nsupervisord_up 1\n";
    _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call, &reply);

    if (r >= 0)
        r = sd_bus_message_append_array(reply, 'y', text, sizeof text - 1);
    return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static const sd_bus_vtable vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Version", NULL, "s", method_version, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("List", NULL, "a(" CONTROL_STATUS_SIGNATURE ")", method_list, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Samples", NULL, "ta(sa{sd})", method_samples, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD(
            "Show", "s", "(" CONTROL_STATUS_SIGNATURE ")a(sssst)a(ssds)", method_show, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Cat", "s", "s", method_cat, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("CatFiles", "s", "s", method_cat_files, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("PolicyState", NULL, "bts", method_policy_state, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Plan", NULL, "as", method_plan, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("WhatIf", "a(sss)", "a(sstt)", method_what_if, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Reload", NULL, "asa(ss)", method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Start", "s", NULL, method_start, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Restart", "s", NULL, method_start, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Stop", "s", NULL, method_stop, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Run", "sasa(ss)asshhhb", "subbibt", method_run, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Check", NULL, "a(sssss)", method_check, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Limits", NULL, "a(sa{sd})", method_limits, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Outputs", NULL, "a(ssss)", method_outputs, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Journal", "tb", "tta(tss)", method_journal, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Snapshot", "s", "ay", method_snapshot, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

/* sd_bus_attach_event keeps the connection in the loop; it goes when the peer does. */
static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    sd_bus *bus = sd_bus_message_get_bus(message);

    sd_bus_detach_event(bus);
    sd_bus_close_unref(bus);
    return 0;
}

static int serve(int fd) {
    sd_bus *bus = NULL;
    sd_id128_t id;
    int r = sd_bus_new(&bus);

    if (r < 0 || (r = sd_bus_set_fd(bus, fd, fd)) < 0)
        return r;
    if ((r = sd_id128_randomize(&id)) < 0 || (r = sd_bus_set_server(bus, 1, id)) < 0)
        return r;
    if ((r = sd_bus_negotiate_fds(bus, 1)) < 0 || (r = sd_bus_start(bus)) < 0)
        return r;
    if ((r = sd_bus_add_object_vtable(bus, NULL, CONTROL_PATH, CONTROL_INTERFACE, vtable, NULL)) < 0)
        return r;
    r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
            "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, NULL);
    return r < 0 ? r : sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL);
}

static int on_connection(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata) {
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    n_samplings = 0;
    return fd < 0 ? -errno : serve(fd);
}

static int listen_on(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    return fd;
}

int main(int argc, char **argv) {
    sigset_t child;
    int fd, r;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    is_faulty = argc == 3 && strcmp(argv[2], "faulty") == 0;
    if (argc != 2 + is_faulty || (fd = listen_on(argv[1])) < 0)
        return EXIT_FAILURE;
    r = sd_event_default(&event);
    if (r >= 0)
        r = sd_event_add_io(event, NULL, fd, EPOLLIN, on_connection, NULL);
    if (r < 0)
        return EXIT_FAILURE;
    puts("ready");
    fclose(stdout);
    return sd_event_loop(event) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
