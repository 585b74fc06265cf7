/* SPDX-License-Identifier: GPL-2.0-or-later */

/* kill, freeze, thaw, wait: what is done to running processes, and waiting for their end. */

#include <signal.h>
#include <stdlib.h>

#include "base/parse.h"
#include "base/signal-name.h"
#include "model/run.h"
#include "tools/supctl/client.h"
#include "tools/supctl/round.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

enum { SIGNAL_STATUS = 128 }; /* the shell's rule: 128 + signal number */

int verb_kill(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    int number = SIGTERM, worst;

    if (options->signal && parse_signal(options->signal, &number) < 0) {
        complain("--signal %s: not a signal (a name like HUP, USR1, RTMIN+3, or a number)", options->signal);
        return EXIT_USAGE;
    }
    worst = client_open(options, &bus);
    for (char **name = arguments; bus && *name; name++) {
        int status = client_call(bus, *name, CALL_ACTS, NULL, "Kill", "ssi", *name,
                options->kill_whom ? options->kill_whom : "all", number);

        worst = status > worst ? status : worst;
    }
    return worst;
}

int verb_freeze(const Options *options, char **arguments) {
    return round_call(options, arguments, "Freeze");
}

int verb_thaw(const Options *options, char **arguments) {
    return round_call(options, arguments, "Thaw");
}

static int report_end(const Options *options, const char *name, sd_bus_message *reply) {
    int known, is_signaled, code, is_oom_killed;
    uint64_t cpu_usec;
    char words[AMOUNT_TEXT_MAX];
    int r = sd_bus_message_read(reply, "bbibt", &known, &is_signaled, &code, &is_oom_killed, &cpu_usec);

    if (r < 0)
        return client_bad_reply(r);
    if (!options->quiet) {
        Exit end = { .known = known, .signaled = is_signaled, .code = code, .oom_killed = is_oom_killed };

        printf("%s: %s\n", name, exit_show(&end, words, sizeof(words)));
    }
    if (!known)
        return EXIT_FAILURE;
    return is_signaled ? SIGNAL_STATUS + code : code;
}

static int wait_failed(const char *name, const sd_bus_error *error) {
    if (!client_is_lost(error))
        return client_explain(name, error);
    complain("%s: lost the connection to supervisord before the end (`supctl wait %s` waits again)", name, name);
    return EXIT_LOST;
}

static int wait_for(const Options *options, sd_bus *bus, const char *name) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = client_try(bus, CALL_ACTS, &error, &reply, "Wait", "s", name);
    int status = r < 0 ? wait_failed(name, &error) : report_end(options, name, reply);

    sd_bus_error_free(&error);
    return status;
}

int verb_wait(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    int worst = client_open(options, &bus);

    for (char **name = arguments; bus && *name; name++) {
        int status = wait_for(options, bus, *name);

        worst = status > worst ? status : worst;
    }
    return worst;
}
