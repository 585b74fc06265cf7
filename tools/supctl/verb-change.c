/* SPDX-License-Identifier: GPL-2.0-or-later */

/* plan, reload, set, start, stop, restart, rm, shutdown: what changes the node, and what would. */

#include <stdlib.h>

#include "base/strv.h"
#include "serve/protocol.h"
#include "tools/supctl/client.h"
#include "tools/supctl/round.h"
#include "tools/supctl/settings.h"
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

static int print_reply(const Options *options, sd_bus_message *reply) {
    _cleanup_(cleanup_strv_free) char **steps = NULL;
    int r = sd_bus_message_read_strv(reply, &steps);

    if (r < 0)
        return client_bad_reply(r);
    if (options->json)
        write_steps(options, steps);
    else
        print_lines(options, steps);
    return EXIT_SUCCESS;
}

/* The policy was taken, and all else was done: who asks by script learns all the same that it does not hold. */
static int complain_of_faults(sd_bus_message *reply) {
    const char *object, *why;
    unsigned n = 0;
    int r = sd_bus_message_enter_container(reply, 'a', "(ss)");

    while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &object, &why)) > 0) {
        complain("%s: %s", *object ? object : "the node", why);
        n++;
    }
    if (r < 0)
        return client_bad_reply(r);
    if (n == 0)
        return EXIT_SUCCESS;
    complain("the policy is in force, but not for %s; `supctl status` shows what is degraded; once the cause is gone, "
             "`supctl reload` tries again",
            n == 1 ? "this one" : "these");
    return EXIT_FAILURE;
}

/* A call for the whole node. The exit status, and then the reply, of which the steps are printed. */
static int call_and_print(
        const Options *options, sd_bus *bus, const char *method, uint64_t timeout_usec, sd_bus_message **ret) {
    int status = client_call(bus, NULL, timeout_usec, ret, method, NULL);

    return status == EXIT_SUCCESS ? print_reply(options, *ret) : status;
}

int verb_plan(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    if (options->changes)
        return what_if(options);
    int status = client_open(options, &bus);

    return status == EXIT_SUCCESS ? call_and_print(options, bus, "Plan", CALL_READS, &reply) : status;
}

int verb_reload(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    int status = client_open(options, &bus);

    if (status == EXIT_SUCCESS)
        status = call_and_print(options, bus, "Reload", CALL_ACTS, &reply);
    return status == EXIT_SUCCESS ? complain_of_faults(reply) : status;
}

static int call_set(sd_bus *bus, const Options *options, char **arguments, sd_bus_error *error, sd_bus_message **ret) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL;
    int r = sd_bus_message_new_method_call(bus, &call, NULL, CONTROL_PATH, CONTROL_INTERFACE, "Set");

    if (r >= 0)
        r = sd_bus_message_append(call, "s", arguments[0]);
    if (r >= 0)
        r = settings_append(call, arguments + 1);
    if (r >= 0)
        r = sd_bus_message_append(call, "b", options->runtime);
    return r < 0 ? sd_bus_error_set_errno(error, r) : sd_bus_call(bus, call, CALL_ACTS, error, ret);
}

int verb_set(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int status = settings_check(arguments + 1);

    if (status == EXIT_SUCCESS)
        status = client_open(options, &bus);
    if (status != EXIT_SUCCESS)
        return status;
    if (call_set(bus, options, arguments, &error, &reply) < 0)
        status = client_explain(arguments[0], &error);
    sd_bus_error_free(&error);
    return status == EXIT_SUCCESS ? print_reply(options, reply) : status;
}

int verb_start(const Options *options, char **arguments) {
    return round_call(options, arguments, options->no_block ? "StartNoBlock" : "Start");
}

int verb_stop(const Options *options, char **arguments) {
    return round_call(options, arguments, options->no_block ? "StopNoBlock" : "Stop");
}

int verb_restart(const Options *options, char **arguments) {
    return round_call(options, arguments, options->no_block ? "RestartNoBlock" : "Restart");
}

int verb_rm(const Options *options, char **arguments) {
    return round_call(options, arguments, "Remove");
}

int verb_shutdown(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    int status = client_open(options, &bus);

    return status == EXIT_SUCCESS ? client_call(bus, NULL, CALL_ACTS, NULL, "StopAll", NULL) : status;
}
