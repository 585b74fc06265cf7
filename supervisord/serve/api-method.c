/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What can be called, and by whom. What only reads is answered from policy and ledger; what blocks or changes something
 * is the backend's.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/strv.h"
#include "serve/api-internal.h"
#include "serve/api-view.h"
#include "serve/protocol.h"

/* What is read off policy and ledger at once. */
static const struct {
    const char *member;
    ViewFunction *view;
} views[] = { { "Version", view_version }, { "List", view_list }, { "Samples", view_samples },
    { "Outputs", view_outputs }, { "Limits", view_limits } };

static int method_view(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    Peer *peer = userdata;
    const ApiBackend *backend = &peer->api->backend;
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(message, &reply);
    backend->sample(backend->userdata);
    for (size_t i = 0; r >= 0 && i < ELEMENTSOF(views); i++)
        if (strcmp(sd_bus_message_get_member(message), views[i].member) == 0)
            r = views[i].view(reply, backend->policy(backend->userdata), backend->ledger(backend->userdata),
                    peer->api->tree_path);
    if (r >= 0)
        r = sd_bus_send(peer->bus, reply, NULL);
    sd_bus_message_unref(reply);
    return r < 0 ? r : 1;
}

static int reply_bytes(sd_bus_message *message, const char *bytes, size_t size) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(message, &reply);
    if (r >= 0)
        r = sd_bus_message_append_array(reply, 'y', bytes, size);
    if (r >= 0)
        r = sd_bus_send(NULL, reply, NULL);
    sd_bus_message_unref(reply);
    return r < 0 ? r : 1;
}

static int method_snapshot(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    const ApiBackend *backend = &((Peer *) userdata)->api->backend;
    _cleanup_(cleanup_free) char *text = NULL;
    ExpositionFormat format;
    const char *name;
    size_t size;
    int r = sd_bus_message_read(message, "s", &name);
    if (r >= 0 && exposition_format_from_name(name, &format) < 0)
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "the formats are %s and %s", CONTROL_FORMAT_TEXT,
                CONTROL_FORMAT_OPENMETRICS);
    if (r >= 0)
        r = backend->snapshot(backend->userdata, format, &text, &size);
    return r < 0 ? r : reply_bytes(message, text, size);
}

static int refuse_reader(const Peer *peer, sd_bus_error *error) {
    if (peer->may_change)
        return 0;
    return sd_bus_error_setf(
            error, SD_BUS_ERROR_ACCESS_DENIED, "only root outside the supervised tree may change anything");
}

/* Without arguments. */
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
        { "PolicyState", false, backend->policy_state },
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

/* With a name alone. */
static int method_named(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    Peer *peer = userdata;
    const ApiBackend *backend = &peer->api->backend;
    const struct {
        const char *member;
        bool changes;
        void (*call)(void *userdata, const char *name, ApiCall *call);
        bool no_wait;
    } methods[] = {
        { "Show", false, backend->show },
        { "Cat", false, backend->cat },
        { "CatFiles", false, backend->cat_files },
        { "Wait", false, backend->wait },
        { "Start", true, backend->start },
        { "StartNoBlock", true, backend->start, true },
        { "Stop", true, backend->stop },
        { "StopNoBlock", true, backend->stop, true },
        { "Restart", true, backend->restart },
        { "RestartNoBlock", true, backend->restart, true },
        { "Freeze", true, backend->freeze },
        { "Thaw", true, backend->thaw },
        { "Remove", true, backend->remove },
    };
    const char *name, *member = sd_bus_message_get_member(message);

    for (size_t i = 0; i < ELEMENTSOF(methods); i++) {
        ApiCall *call;
        if (strcmp(member, methods[i].member) != 0)
            continue;
        int r = methods[i].changes ? refuse_reader(peer, error) : 0;
        if (r >= 0)
            r = sd_bus_message_read(message, "s", &name);
        if (r >= 0)
            r = call_begin(message, peer, error, &call);
        if (r < 0)
            return r;
        call->no_wait = methods[i].no_wait;
        methods[i].call(backend->userdata, name, call);
    }
    return 1;
}

static int read_changes(sd_bus_message *message, char ***ret, sd_bus_error *error) {
    const char *part[3];
    int r = sd_bus_message_enter_container(message, 'a', "(sss)");
    for (unsigned n = 0; r >= 0 && (r = sd_bus_message_read(message, "(sss)", part, part + 1, part + 2)) > 0;) {
        if (n++ >= CONTROL_CHANGES_MAX)
            return sd_bus_error_setf(
                    error, SD_BUS_ERROR_LIMITS_EXCEEDED, "more than %d changes in one what-if", CONTROL_CHANGES_MAX);
        for (size_t i = 0; i < ELEMENTSOF(part) && r >= 0; i++)
            r = strv_push(ret, part[i]);
    }
    return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int method_what_if(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    Peer *peer = userdata;
    const ApiBackend *backend = &peer->api->backend;
    _cleanup_(cleanup_strv_free) char **changes = NULL;
    ApiCall *call;
    int r = read_changes(message, &changes, error);
    if (r >= 0)
        r = call_begin(message, peer, error, &call);
    if (r < 0)
        return r;
    backend->what_if(backend->userdata, changes, call);
    return 1;
}

/* --- orders: what changes something, with arguments of its own --- */

typedef int OrderReader(sd_bus_message *message, void *ret_order, sd_bus_error *error);

/* Nothing is read of who may not change anything; what could not be read is not taken up. */
static int take_order(sd_bus_message *message, Peer *peer, sd_bus_error *error, OrderReader *read, void *ret_order,
        ApiCall **ret_call) {
    int r = refuse_reader(peer, error);
    if (r >= 0)
        r = read(message, ret_order, error);
    return r < 0 ? r : call_begin(message, peer, error, ret_call);
}

/* "all", "main", or a session "x0000beef". */
static int read_whom(const char *whom, ApiKill *order, sd_bus_error *error) {
    char rest;
    order->all = strcmp(whom, "all") == 0;
    if (order->all || strcmp(whom, "main") == 0 || sscanf(whom, "x%8x%c", &order->session, &rest) == 1)
        return 0;
    return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "expected main, all or a session, not '%s'", whom);
}

static int read_kill(sd_bus_message *message, void *ret_order, sd_bus_error *error) {
    ApiKill *order = ret_order;
    const char *whom;
    int r = sd_bus_message_read(message, "ssi", &order->name, &whom, &order->signal);
    if (r >= 0)
        r = read_whom(whom, order, error);
    if (r >= 0 && (order->signal <= 0 || order->signal > SIGRTMAX))
        r = sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "there is no signal %d", order->signal);
    return r;
}

static int method_kill(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    const ApiBackend *backend = &((Peer *) userdata)->api->backend;
    ApiKill order = {};
    ApiCall *call;
    int r = take_order(message, userdata, error, read_kill, &order, &call);
    if (r < 0)
        return r;
    backend->kill(backend->userdata, &order, call);
    return 1;
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

static void order_set_done(ApiSet *set) {
    strv_free(set->settings);
}

static int read_set(sd_bus_message *message, void *ret_order, sd_bus_error *error) {
    ApiSet *set = ret_order;
    int runtime;
    int r = sd_bus_message_read(message, "s", &set->name);
    if (r >= 0)
        r = read_settings(message, &set->settings);
    if (r >= 0)
        r = sd_bus_message_read(message, "b", &runtime);
    if (r >= 0 && !set->settings)
        r = sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "no settings");
    if (r >= 0)
        set->runtime = runtime;
    return r;
}

static int method_set(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    const ApiBackend *backend = &((Peer *) userdata)->api->backend;
    _cleanup_(order_set_done) ApiSet set = {};
    ApiCall *call;
    int r = take_order(message, userdata, error, read_set, &set, &call);
    if (r < 0)
        return r;
    backend->set(backend->userdata, &set, call);
    return 1;
}

static void order_run_done(ApiRun *run) {
    strv_free(run->arguments);
    strv_free(run->settings);
    strv_free(run->environment);
}

static int read_run(sd_bus_message *message, void *ret_order, sd_bus_error *error) {
    ApiRun *run = ret_order;
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
    const ApiBackend *backend = &((Peer *) userdata)->api->backend;
    _cleanup_(order_run_done) ApiRun run = {};
    ApiCall *call;
    int r = take_order(message, userdata, error, read_run, &run, &call);
    if (r < 0)
        return r;
    backend->run(backend->userdata, &run, call);
    return 1;
}

static void order_exec_done(ApiExec *exec) {
    strv_free(exec->arguments);
    strv_free(exec->environment);
}

static int read_exec(sd_bus_message *message, void *ret_order, sd_bus_error *error) {
    ApiExec *exec = ret_order;
    int r = sd_bus_message_read(message, "su", &exec->name, &exec->session);
    if (r >= 0)
        r = sd_bus_message_read_strv(message, &exec->arguments);
    if (r >= 0)
        r = sd_bus_message_read_strv(message, &exec->environment);
    if (r >= 0)
        r = sd_bus_message_read(
                message, "sshhh", &exec->directory, &exec->user, &exec->stdio[0], &exec->stdio[1], &exec->stdio[2]);
    if (r >= 0 && (exec->session == 0 || !exec->arguments))
        r = sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "expected a session that is not 0, and a command");
    return r;
}

static int method_exec(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    const ApiBackend *backend = &((Peer *) userdata)->api->backend;
    _cleanup_(order_exec_done) ApiExec exec = {};
    ApiCall *call;
    int r = take_order(message, userdata, error, read_exec, &exec, &call);
    if (r < 0)
        return r;
    backend->exec(backend->userdata, &exec, call);
    return 1;
}

/* --- what anyone may follow --- */

static int method_journal(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    Peer *peer = userdata;
    uint64_t after;
    int wait;
    ApiCall *call;
    int r = sd_bus_message_read(message, "tb", &after, &wait);
    if (r >= 0)
        r = call_begin(message, peer, error, &call);
    if (r >= 0)
        follow(peer->api, call, after, wait);
    return r < 0 ? r : 1;
}

#define METHOD(name, in, out, call) SD_BUS_METHOD(name, in, out, call, SD_BUS_VTABLE_UNPRIVILEGED)

/* Our own check says who may do what: sd-bus' is made for the system bus. */
static const sd_bus_vtable control_vtable[] = {
    SD_BUS_VTABLE_START(0),
    METHOD("Version", "", "s", method_view),
    METHOD("List", "", "a(" CONTROL_STATUS_SIGNATURE ")", method_view),
    METHOD("Samples", "", "ta(sa{sd})", method_view),
    METHOD("Journal", "tb", "tta(tss)", method_journal),
    METHOD("Limits", "", "a(sa{sd})", method_view),
    METHOD("Outputs", "", "a(ssss)", method_view),
    METHOD("Snapshot", "s", "ay", method_snapshot),
    METHOD("Plan", "", "as", method_plain),
    METHOD("WhatIf", "a(sss)", "a(sstt)", method_what_if),
    METHOD("PolicyState", "", "bts", method_plain),
    METHOD("Reload", "", "asa(ss)", method_plain),
    METHOD("StopAll", "", "", method_plain),
    METHOD("Check", "", "a(sssss)", method_plain),
    METHOD("Show", "s", "(" CONTROL_STATUS_SIGNATURE ")a(sssst)a(ssds)", method_named),
    METHOD("Cat", "s", "s", method_named),
    METHOD("CatFiles", "s", "s", method_named),
    METHOD("Wait", "s", "bbibt", method_named),
    METHOD("Kill", "ssi", "", method_kill),
    METHOD("Start", "s", "", method_named),
    METHOD("Stop", "s", "", method_named),
    METHOD("Restart", "s", "", method_named),
    METHOD("StartNoBlock", "s", "", method_named),
    METHOD("StopNoBlock", "s", "", method_named),
    METHOD("RestartNoBlock", "s", "", method_named),
    METHOD("Freeze", "s", "as", method_named),
    METHOD("Thaw", "s", "as", method_named),
    METHOD("Remove", "s", "as", method_named),
    METHOD("Exec", "suasassshhh", "bbibt", method_exec),
    METHOD("Set", "sa(ss)b", "as", method_set),
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

int methods_add(Peer *peer) {
    int r = sd_bus_add_object_vtable(peer->bus, NULL, CONTROL_PATH, CONTROL_INTERFACE, control_vtable, peer);
    return r < 0 ? r
                 : sd_bus_add_object_vtable(
                           peer->bus, NULL, "/org/freedesktop/DBus", "org.freedesktop.DBus", hello_vtable, peer);
}
