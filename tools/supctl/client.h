/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The connection to supervisord, calls over it, and what to tell people when they fail. */

#include <stdint.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "tools/supctl/supctl.h"

DEFINE_CLEANUP(sd_bus *, sd_bus_flush_close_unref);
DEFINE_CLEANUP(sd_bus_message *, sd_bus_message_unref);

#define CALL_READS 0         /* libsystemd's own limit, 25 s */
#define CALL_ACTS UINT64_MAX /* a stop may take as long as its policy allows */

int client_connect(const char *path, sd_bus **ret);    /* silent; -errno */
int client_open(const Options *options, sd_bus **ret); /* exit status; says what failed and what to do */

int client_refused(const Options *options, int r); /* says why client_connect failed; the exit status */

/* One call and its reply; silent; -errno and *error, which the caller frees. */
int client_try(sd_bus *bus, uint64_t timeout_usec, sd_bus_error *error, sd_bus_message **ret, const char *method,
        const char *types, ...);
/* The same; exit status; says on failure what failed. subject: the workload that the call is about, or NULL. */
int client_call(sd_bus *bus, const char *subject, uint64_t timeout_usec, sd_bus_message **ret, const char *method,
        const char *types, ...);

/* Whether supervisord has gone before it could answer: what it was asked for may have been begun, and go on. */
bool client_is_lost(const sd_bus_error *error);

/* Says what a failed call means. The exit status. */
int client_explain(const char *subject, const sd_bus_error *error);
/* Says that a reply is not what the protocol promises. The exit status. */
int client_bad_reply(int r);

/* The daemon's version, of which the text belongs to the reply; the exit status. */
int client_fetch_version(sd_bus *bus, sd_bus_message **ret_reply, const char **ret_version);
int client_print_version(sd_bus *bus); /* "supervisord 0.1.0"; the exit status */
