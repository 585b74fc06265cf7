/* SPDX-License-Identifier: GPL-2.0-or-later */

/* plan, reload, start, stop, restart, shutdown: what changes the node, and what would. */

#include <stdlib.h>

#include "base/strv.h"
#include "tools/supctl/client.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

static void write_steps(const Options *options, char *const *steps) {
    Json json = JSON(stdout, options->json);

    json_begin_array(&json, NULL);
    for (; steps && *steps; steps++)
        json_text(&json, NULL, *steps);
    json_end_array(&json);
    json_end(&json);
}

static void print_lines(const Options *options, char *const *steps) {
    if (!steps && !options->no_legend && !options->quiet)
        puts("Nothing to do.");
    for (; steps && *steps; steps++)
        text_print_line(stdout, "", *steps);
}

static int print_steps(const Options *options, const char *method, uint64_t timeout_usec) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    _cleanup_(cleanup_strv_free) char **steps = NULL;
    int status = client_open(options, &bus), r;

    if (status == EXIT_SUCCESS)
        status = client_call(bus, NULL, timeout_usec, &reply, method, NULL);
    if (status != EXIT_SUCCESS)
        return status;
    r = sd_bus_message_read_strv(reply, &steps);
    if (r < 0)
        return client_bad_reply(r);
    if (options->json)
        write_steps(options, steps);
    else
        print_lines(options, steps);
    return EXIT_SUCCESS;
}

int verb_plan(const Options *options, char **arguments) {
    return print_steps(options, "Plan", CALL_READS);
}

int verb_reload(const Options *options, char **arguments) {
    return print_steps(options, "Reload", CALL_ACTS);
}

int verb_start(const Options *options, char **arguments) {
    return client_call_each(options, arguments, "Start");
}

int verb_stop(const Options *options, char **arguments) {
    return client_call_each(options, arguments, "Stop");
}

int verb_restart(const Options *options, char **arguments) {
    return client_call_each(options, arguments, "Restart");
}

int verb_shutdown(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    int status = client_open(options, &bus);

    return status == EXIT_SUCCESS ? client_call(bus, NULL, CALL_ACTS, NULL, "StopAll", NULL) : status;
}
