/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Calls and their answers. Each call is answered once, however late; one whose peer is gone is answered into nothing. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/strv.h"
#include "serve/api-internal.h"
#include "serve/api-view.h"
#include "serve/protocol.h"

int call_begin(sd_bus_message *message, Peer *peer, sd_bus_error *error, ApiCall **ret) {
    if (peer->n_pending >= CONTROL_CALLS_MAX)
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

void call_end(ApiCall *call) {
    Peer *peer = call->peer;
    sd_bus_message_unref(call->message);
    peer->n_pending--;
    peer_unref(peer);
    free(call);
}

bool api_is_forsaken(const ApiCall *call) {
    return call->peer->is_gone;
}

bool api_is_hurried(const ApiCall *call) {
    return call->no_wait;
}

void call_answer(ApiCall *call, sd_bus_message *reply, int r) {
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

void api_answer_text(ApiCall *call, const char *text) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = sd_bus_message_append(reply, "s", text);
    call_answer(call, reply, r);
}

void api_answer_lines(ApiCall *call, char *const *lines) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = sd_bus_message_append_strv(reply, (char **) lines);
    call_answer(call, reply, r);
}

void api_answer_reload(ApiCall *call, char *const *lines, char *const *faults) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = sd_bus_message_append_strv(reply, (char **) lines);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(ss)");
    for (; r >= 0 && faults && *faults; faults += 2)
        r = sd_bus_message_append(reply, "(ss)", faults[0], faults[1]);
    if (r >= 0)
        r = sd_bus_message_close_container(reply);
    call_answer(call, reply, r);
}

void api_answer_policy_state(ApiCall *call, bool ok, uint64_t loaded_usec, const char *errors) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = sd_bus_message_append(reply, "bts", ok, view_realtime(loaded_usec), errors);
    call_answer(call, reply, r);
}

void api_answer_exit(ApiCall *call, const Exit *exit) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = sd_bus_message_append(
                reply, "bbibt", exit->known, exit->signaled, exit->code, exit->oom_killed, exit->cpu_usec);
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

void api_answer_what_if(ApiCall *call, const ApiWhatIfRow *rows, size_t n) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "(sstt)");
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = sd_bus_message_append(reply, "(sstt)", rows[i].name, rows[i].slice, rows[i].before, rows[i].after);
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
