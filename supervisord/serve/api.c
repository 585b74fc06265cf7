/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * sd-bus is in this file and api-view.c alone, so that another protocol can take its place. Every peer is a bus of its own; who it is was settled when it
 * connected, by the kernel's word (SO_PEERCRED), not by anything it says.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/strv.h"
#include "serve/api-view.h"
#include "serve/protocol.h"

typedef struct Peer Peer;

struct Peer {
    Api *api; /* api::peers */
    Peer *next;
    sd_bus *bus;
    bool may_change;
    unsigned n_pending;
    unsigned n_references; /* the list's, and one of each pending call */
};

struct Api {
    sd_event *event;
    sd_event_source *listen_source;
    int spare_fd; /* given up for a moment when descriptors run out, so that a peer can be turned away */
    ApiBackend backend;
    char *tree_path;
    Peer *peers;
    unsigned n_peers[2]; /* by may_change, so that readers never take root's places; with those who left calls behind */
};

struct ApiCall {
    Peer *peer;
    sd_bus_message *message;
};

/* --- peers ------------------------------------------------------------------------------------------------------- */

static void peer_unref(Peer *peer) {
    if (--peer->n_references > 0)
        return;
    peer->api->n_peers[peer->may_change]--;
    sd_bus_flush_close_unref(peer->bus);
    free(peer);
}

static void peer_remove(Peer *peer) {
    Api *api = peer->api;
    for (Peer **p = &api->peers; *p; p = &(*p)->next)
        if (*p == peer) {
            *p = peer->next;
            sd_bus_detach_event(peer->bus);
            sd_bus_close(peer->bus);
            peer_unref(peer);
            return;
        }
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    peer_remove(userdata);
    return 0;
}

/* Processes that we supervise must not steer us, not even root's. */
static bool lives_in_tree(const Api *api, pid_t pid) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int) pid);
    if (file_read_at(AT_FDCWD, path, text, sizeof text) < 0)
        return true; /* cannot be told: the lesser right */
    char *line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
    if (!line)
        return false;
    line = strchr(line, '/');
    line[strcspn(line, "\n")] = '\0';
    size_t length = strlen(api->tree_path);
    return length > 1 && strncmp(line, api->tree_path, length) == 0 && (line[length] == '/' || line[length] == '\0');
}

static bool peer_may_change(const Api *api, int fd) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
        return false;
    return credentials.uid == 0 && !lives_in_tree(api, credentials.pid);
}

/* --- calls and answers ------------------------------------------------------------------------------------------- */

static int call_begin(sd_bus_message *message, Peer *peer, sd_bus_error *error, ApiCall **ret) {
    if (peer->n_pending >= API_PENDING_MAX)
        return sd_bus_error_setf(error, CONTROL_ERROR_BUSY, "too many unanswered calls");
    ApiCall *call = calloc(1, sizeof *call);
    if (!call)
        return -ENOMEM;
    call->peer = peer;
    call->message = sd_bus_message_ref(message);
    peer->n_pending++;
    peer->n_references++;
    *ret = call;
    return 0;
}

static void call_end(ApiCall *call) {
    Peer *peer = call->peer;
    sd_bus_message_unref(call->message);
    peer->n_pending--;
    peer_unref(peer);
    free(call);
}

static void call_answer(ApiCall *call, sd_bus_message *reply, int r) {
    if (r >= 0)
        sd_bus_send(call->peer->bus, reply, NULL);
    else
        sd_bus_reply_method_errno(call->message, r, NULL);
    sd_bus_message_unref(reply);
    call_end(call);
}

void api_answer(ApiCall *call) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    call_answer(call, reply, r);
}

void api_answer_lines(ApiCall *call, char *const *lines) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = sd_bus_message_append_strv(reply, (char **) lines);
    call_answer(call, reply, r);
}

void api_answer_run(ApiCall *call, const char *name, pid_t pid, const Exit *exit) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = sd_bus_message_append(reply, "subbibt", name, (uint32_t) pid, exit->known, exit->signaled, exit->code,
                exit->oom_killed, exit->cpu_usec);
    call_answer(call, reply, r);
}

void api_answer_check(ApiCall *call, const ApiCheckRow *rows, size_t n) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(sssss)");
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = sd_bus_message_append(
                reply, "(sssss)", rows[i].share, rows[i].mechanism, rows[i].state, rows[i].why, rows[i].cure);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    call_answer(call, reply, r);
}

void api_answer_error(ApiCall *call, const char *error, const char *format, ...) {
    _cleanup_(cleanup_free) char *message = NULL;
    va_list arguments;
    va_start(arguments, format);
    int n = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (n < 0)
        message = NULL;
    sd_bus_reply_method_errorf(call->message, error, "%s", message ? message : "out of memory");
    call_end(call);
}

void api_answer_limits(ApiCall *call, const char *name, const ApiLimitRow *rows, size_t n) {
    Api *api = call->peer->api;
    const Group *group = policy_group(api->backend.policy(api->backend.userdata), name);
    if (!group) {
        api_answer_error(call, CONTROL_ERROR_NO_SUCH, "no such slice or workload");
        return;
    }
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = view_show(reply, api->backend.ledger(api->backend.userdata), group, rows, n);
    call_answer(call, reply, r);
}

/* --- methods ----------------------------------------------------------------------------------------------------- */

/* What is read off policy and ledger at once. */
static const struct {
    const char *member;
    ViewFunction *view;
} views[] = { { "Version", view_version }, { "List", view_list }, { "Samples", view_samples },
    { "Journal", view_journal } };

static int method_view(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    Peer *peer = userdata;
    const ApiBackend *backend = &peer->api->backend;
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(message, &reply);
    backend->sample(backend->userdata);
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(views); i++)
        if (strcmp(sd_bus_message_get_member(message), views[i].member) == 0)
            r = views[i].view(reply, backend->policy(backend->userdata), backend->ledger(backend->userdata));
    if (r >= 0)
        r = sd_bus_send(peer->bus, reply, NULL);
    sd_bus_message_unref(reply);
    return r < 0 ? r : 1;
}

static int method_snapshot(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    const ApiBackend *backend = &((Peer *) userdata)->api->backend;
    _cleanup_(cleanup_close) int fd = -1;
    int r = backend->snapshot(backend->userdata, &fd);
    return r < 0 ? r : sd_bus_reply_method_return(message, "h", fd);
}

static int refuse_reader(const Peer *peer, sd_bus_error *error) {
    if (peer->may_change)
        return 0;
    return sd_bus_error_setf(
            error, SD_BUS_ERROR_ACCESS_DENIED, "only root outside the supervised tree may change anything");
}

/* Without arguments: Plan, Check, Reload, StopAll. */
static int method_plain(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    Peer *peer = userdata;
    const ApiBackend *backend = &peer->api->backend;
    const struct {
        const char *member;
        bool changes;
        void (*call)(void *userdata, ApiCall *call);
    } methods[] = {
        { "Plan", false, backend->plan },
        { "Check", false, backend->check },
        { "Reload", true, backend->reload },
        { "StopAll", true, backend->stop_all },
    };
    const char *member = sd_bus_message_get_member(message);

    for (size_t i = 0; i < ELEMENTSOF(methods); i++) {
        ApiCall *call;
        if (strcmp(member, methods[i].member) != 0)
            continue;
        int r = methods[i].changes ? refuse_reader(peer, error) : 0;
        if (r >= 0)
            r = call_begin(message, peer, error, &call);
        if (r < 0)
            return r;
        methods[i].call(backend->userdata, call);
    }
    return 1;
}

/* With a name: Show, Start, Stop, Restart. */
static int method_named(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    Peer *peer = userdata;
    const ApiBackend *backend = &peer->api->backend;
    const struct {
        const char *member;
        void (*call)(void *userdata, const char *name, ApiCall *call);
    } methods[] = { { "Show", backend->show }, { "Start", backend->start }, { "Stop", backend->stop },
        { "Restart", backend->restart } };
    const char *name, *member = sd_bus_message_get_member(message);
    ApiCall *call;

    int r = strcmp(member, "Show") == 0 ? 0 : refuse_reader(peer, error);
    if (r >= 0)
        r = sd_bus_message_read(message, "s", &name);
    if (r >= 0)
        r = call_begin(message, peer, error, &call);
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(methods); i++)
        if (strcmp(member, methods[i].member) == 0)
            methods[i].call(backend->userdata, name, call);
    return r < 0 ? r : 1;
}

static int read_settings(sd_bus_message *message, char ***ret) {
    const char *key, *value;
    int r = sd_bus_message_enter_container(message, 'a', "(ss)");
    while (r >= 0 && (r = sd_bus_message_read(message, "(ss)", &key, &value)) > 0) {
        r = strv_push(ret, key);
        if (r >= 0)
            r = strv_push(ret, value);
    }
    return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_run(sd_bus_message *message, ApiRun *run) {
    int wait;
    int r = sd_bus_message_read(message, "s", &run->name);
    if (r >= 0)
        r = sd_bus_message_read_strv(message, &run->arguments);
    if (r >= 0)
        r = read_settings(message, &run->settings);
    if (r >= 0)
        r = sd_bus_message_read_strv(message, &run->environment);
    if (r >= 0)
        r = sd_bus_message_read(
                message, "shhhb", &run->directory, &run->stdio[0], &run->stdio[1], &run->stdio[2], &wait);
    if (r >= 0)
        run->wait = wait;
    return r;
}

static int method_run(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    Peer *peer = userdata;
    const ApiBackend *backend = &peer->api->backend;
    ApiRun run = {};
    ApiCall *call;
    int r = refuse_reader(peer, error);
    if (r >= 0)
        r = read_run(message, &run);
    if (r >= 0)
        r = call_begin(message, peer, error, &call);
    if (r >= 0)
        backend->run(backend->userdata, &run, call);
    strv_free(run.arguments);
    strv_free(run.settings);
    strv_free(run.environment);
    return r < 0 ? r : 1;
}

#define METHOD(name, in, out, call) SD_BUS_METHOD(name, in, out, call, SD_BUS_VTABLE_UNPRIVILEGED)

/* Our own check says who may do what: sd-bus' is made for the system bus. */
static const sd_bus_vtable control_vtable[] = {
    SD_BUS_VTABLE_START(0),
    METHOD("Version", "", "s", method_view),
    METHOD("List", "", "a(" CONTROL_STATUS_SIGNATURE ")", method_view),
    METHOD("Samples", "", "ta(sa{sd})", method_view),
    METHOD("Journal", "", "a(ts)", method_view),
    METHOD("Snapshot", "", "h", method_snapshot),
    METHOD("Plan", "", "as", method_plain),
    METHOD("Reload", "", "as", method_plain),
    METHOD("StopAll", "", "", method_plain),
    METHOD("Check", "", "a(sssss)", method_plain),
    METHOD("Show", "s", "(" CONTROL_STATUS_SIGNATURE ")a(sssst)a(ssds)", method_named),
    METHOD("Start", "s", "", method_named),
    METHOD("Stop", "s", "", method_named),
    METHOD("Restart", "s", "", method_named),
    METHOD("Run", "sasa(ss)asshhhb", "subbibt", method_run),
    SD_BUS_VTABLE_END,
};

/* Stock busctl says Hello to whatever it connects to. */
static int method_hello(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    return sd_bus_reply_method_return(message, "s", ":1.1");
}

static const sd_bus_vtable hello_vtable[] = {
    SD_BUS_VTABLE_START(0),
    METHOD("Hello", "", "s", method_hello),
    SD_BUS_VTABLE_END,
};

/* --- connections ------------------------------------------------------------------------------------------------- */

/* Before each call: a peer that lets its replies pile up is cut off. */
static int filter_slow(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    Peer *peer = userdata;
    uint64_t queued = 0;
    if (sd_bus_get_n_queued_write(peer->bus, &queued) < 0 || queued <= API_QUEUED_REPLIES_MAX)
        return 0;
    peer_remove(peer);
    return 1;
}

static int peer_serve(Peer *peer, int fd) {
    sd_id128_t id;
    sd_bus *bus = peer->bus;
    int r = sd_id128_randomize(&id);
    if (r >= 0)
        r = sd_bus_set_fd(bus, fd, fd);
    if (r < 0) {
        close(fd);
        return r;
    }
    if ((r = sd_bus_set_server(bus, true, id)) < 0 || (r = sd_bus_negotiate_fds(bus, true)) < 0 ||
            (r = sd_bus_add_filter(bus, NULL, filter_slow, peer)) < 0 ||
            (r = sd_bus_add_object_vtable(bus, NULL, CONTROL_PATH, CONTROL_INTERFACE, control_vtable, peer)) < 0 ||
            (r = sd_bus_add_object_vtable(
                     bus, NULL, "/org/freedesktop/DBus", "org.freedesktop.DBus", hello_vtable, peer)) < 0 ||
            (r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                     "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, peer)) < 0 ||
            (r = sd_bus_start(bus)) < 0)
        return r;
    return sd_bus_attach_event(bus, peer->api->event, SD_EVENT_PRIORITY_NORMAL);
}

static void accept_peer(Api *api, int fd, bool may_change) {
    Peer *peer = calloc(1, sizeof *peer);
    if (!peer || sd_bus_new(&peer->bus) < 0) {
        free(peer);
        close(fd);
        return;
    }
    peer->api = api;
    peer->n_references = 1;
    peer->may_change = may_change;
    peer->next = api->peers;
    api->peers = peer;
    api->n_peers[may_change]++;
    if (peer_serve(peer, fd) < 0)
        peer_remove(peer);
}

/* Left in the queue, it would wake the loop without end. */
static void turn_away(Api *api, int listen_fd) {
    api->spare_fd = close_fd(api->spare_fd);
    close_fd(accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC));
    api->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int on_listen(sd_event_source *source, int listen_fd, uint32_t events, void *userdata) {
    Api *api = userdata;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        turn_away(api, listen_fd);
    if (fd < 0)
        return 0;
    bool may_change = peer_may_change(api, fd);
    if (api->n_peers[may_change] >= API_PEERS_MAX)
        close(fd);
    else
        accept_peer(api, fd, may_change);
    return 0;
}

static int listen_at(const char *path, const char *group) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    _cleanup_(cleanup_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    unlink(path);
    if (fchmod(fd, 0660) < 0 || bind(fd, (struct sockaddr *) &address, sizeof address) < 0 || chmod(path, 0660) < 0)
        return -errno;
    const struct group *entry = group ? getgrnam(group) : NULL;
    if (entry && chown(path, 0, entry->gr_gid) < 0)
        return -errno;
    return listen(fd, SOMAXCONN) < 0 ? -errno : TAKE_FD(fd);
}

int api_new(sd_event *event, const char *path, int listen_fd, const char *group, const char *tree_path,
        const ApiBackend *backend, Api **ret) {
    _cleanup_(cleanup_close) int fd = listen_fd >= 0 ? listen_fd : listen_at(path, group);
    if (fd < 0)
        return fd;
    _cleanup_(cleanup_api_free) Api *api = calloc(1, sizeof *api);
    if (!api)
        return -ENOMEM;
    api->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    api->event = sd_event_ref(event);
    api->backend = *backend;
    api->tree_path = strdup(tree_path);
    if (!api->tree_path)
        return -ENOMEM;
    int r = sd_event_add_io(event, &api->listen_source, fd, EPOLLIN, on_listen, api);
    if (r >= 0)
        r = sd_event_source_set_io_fd_own(api->listen_source, true);
    if (r < 0)
        return r;
    TAKE_FD(fd);
    sd_event_source_set_description(api->listen_source, "control-socket");
    *ret = TAKE_PTR(api);
    return 0;
}

Api *api_free(Api *api) {
    if (!api)
        return NULL;
    while (api->peers)
        peer_remove(api->peers);
    sd_event_source_disable_unref(api->listen_source);
    sd_event_unref(api->event);
    close_fd(api->spare_fd);
    free(api->tree_path);
    free(api);
    return NULL;
}
