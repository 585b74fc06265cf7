/* SPDX-License-Identifier: GPL-2.0-or-later */

/* metrics and version: what the daemon says as it is. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "serve/protocol.h"
#include "tools/supctl/client.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

int verb_metrics(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    int status = client_open(options, &bus), r;
    const void *text;
    size_t size;

    if (status == EXIT_SUCCESS)
        status = client_call(bus, NULL, CALL_READS, &reply, "Snapshot", "s", CONTROL_FORMAT_TEXT);
    if (status != EXIT_SUCCESS)
        return status;
    r = sd_bus_message_read_array(reply, 'y', &text, &size);
    if (r < 0)
        return client_bad_reply(r);
    return fwrite(text, 1, size, stdout) == size ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int write_versions(const Options *options) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    Json json = JSON(stdout, options->json);
    const char *version = NULL;
    int status = client_open(options, &bus);

    if (status == EXIT_SUCCESS)
        status = client_fetch_version(bus, &reply, &version);
    json_begin_object(&json, NULL);
    json_text(&json, "supctl", PROJECT_VERSION);
    json_text(&json, "supervisord", version);
    json_end_object(&json);
    json_end(&json);
    return status;
}

int verb_version(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    int status;

    if (options->json)
        return write_versions(options);
    puts("supctl " PROJECT_VERSION);
    status = client_open(options, &bus);
    return status == EXIT_SUCCESS ? client_print_version(bus) : status;
}
