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

enum { COPY_BYTES = 64 * 1024 };

/* By pread: the snapshot's file offset is shared with everyone who got the same memfd. */
static int print_file(int fd) {
    _cleanup_(cleanup_free) char *buffer = malloc(COPY_BYTES);
    off_t offset = 0;
    ssize_t n;

    if (!buffer)
        return complain_memory();
    while ((n = pread(fd, buffer, COPY_BYTES, offset)) > 0 && fwrite(buffer, 1, (size_t) n, stdout) == (size_t) n)
        offset += n;
    if (n < 0) {
        complain("cannot read the snapshot: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int verb_metrics(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    int status = client_open(options, &bus), fd, r;

    if (status == EXIT_SUCCESS)
        status = client_call(bus, NULL, CALL_READS, &reply, "Snapshot", "s", CONTROL_FORMAT_TEXT);
    if (status != EXIT_SUCCESS)
        return status;
    r = sd_bus_message_read(reply, "h", &fd);
    return r < 0 ? client_bad_reply(r) : print_file(fd);
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
