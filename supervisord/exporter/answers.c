/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Responses are libmicrohttpd's: counted references, made once and sent as often as need be. */

#include "exporter/answers.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporter/acceptance.h"

static enum MHD_Result add_accept(void *userdata, enum MHD_ValueKind kind, const char *name, const char *value) {
    if (value && strcasecmp(name, MHD_HTTP_HEADER_ACCEPT) == 0)
        acceptance_add(userdata, value);
    return MHD_YES;
}

static enum MHD_Result give_snapshot(Answers *answers, struct MHD_Connection *connection) {
    Acceptance acceptance = { 0 };

    MHD_get_connection_values(connection, MHD_HEADER_KIND, add_accept, &acceptance);
    struct MHD_Response *snapshot = snapshots_get(&answers->snapshots, acceptance_choice(&acceptance));
    if (!snapshot)
        return MHD_queue_response(connection, MHD_HTTP_SERVICE_UNAVAILABLE, answers->away);
    return MHD_queue_response(connection, MHD_HTTP_OK, snapshot);
}

enum MHD_Result answers_give(void *userdata, struct MHD_Connection *connection, const char *url, const char *method,
        const char *version, const char *upload, size_t *upload_size, void **request) {
    Answers *answers = userdata;

    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return MHD_queue_response(connection, MHD_HTTP_METHOD_NOT_ALLOWED, answers->not_allowed);
    if (!*request || *upload_size > 0) { /* an answer before the request's end would close the connection */
        *request = answers;
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(url, "/") == 0)
        return MHD_queue_response(connection, MHD_HTTP_OK, answers->index);
    if (strcmp(url, "/metrics") != 0)
        return MHD_queue_response(connection, MHD_HTTP_NOT_FOUND, answers->not_found);
    return give_snapshot(answers, connection);
}

static struct MHD_Response *text_response(const char *type, const char *text) {
    struct MHD_Response *response =
            MHD_create_response_from_buffer(strlen(text), (void *) text, MHD_RESPMEM_PERSISTENT);
    if (response)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    return response;
}

int answers_open(Answers *answers, const char *socket_path, uint64_t interval_usec) {
    *answers = (Answers){
        .snapshots = { .socket_path = socket_path, .interval_usec = interval_usec },
        .index = text_response("text/html; charset=utf-8",
                "<!DOCTYPE html><title>supervisord-exporter</title><p><a href=\"/metrics\">Metrics</a>\n"),
        .away = text_response("text/plain", "The daemon does not answer.\n"),
        .not_found = text_response("text/plain", "Not found; see /metrics.\n"),
        .not_allowed = text_response("text/plain", "Only GET and HEAD.\n"),
    };
    if (!answers->index || !answers->away || !answers->not_found || !answers->not_allowed)
        return -ENOMEM;

    MHD_add_response_header(answers->not_allowed, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    return 0;
}

void answers_done(Answers *answers) {
    struct MHD_Response *responses[] = { answers->index, answers->away, answers->not_found, answers->not_allowed };

    for (size_t i = 0; i < ELEMENTSOF(responses); i++)
        if (responses[i])
            MHD_destroy_response(responses[i]);
    snapshots_done(&answers->snapshots);
}
