/* SPDX-License-Identifier: GPL-2.0-or-later */

/* events: what supervisord has done, and with -f what it does, as it happens. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/strv.h"
#include "tools/supctl/client.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

enum {
    LINES_FOLLOWED = 10,
    EVENTS_MAX = 4096, /* of one answer; the daemon keeps fewer */
};

typedef struct Event {
    uint64_t at_usec;
    const char *object, *text;
} Event;

static bool is_wanted(char *const *names, const char *object) {
    char *const *name = names;

    while (*name && strcmp(*name, object) != 0)
        name++;
    return !*names || *name;
}

static void print_event(const Options *options, const Event *event) {
    char time[AMOUNT_TEXT_MAX], prefix[AMOUNT_TEXT_MAX + 2];
    Json json = JSON(stdout, options->json);

    if (!options->json) {
        snprintf(prefix, sizeof(prefix), "%s  ", format_realtime(event->at_usec, time, sizeof(time)));
        text_print_line(stdout, prefix, event->text);
        return;
    }
    json_begin_object(&json, NULL);
    json_unsigned(&json, "at_usec", event->at_usec);
    json_word(&json, "object", event->object);
    json_text(&json, "action", event->text);
    json_end_object(&json);
    json_end(&json);
}

/* They come newest first; the n_last newest are printed, oldest first. */
static int print_events(const Options *options, char *const *names, sd_bus_message *reply, uint64_t n_last) {
    _cleanup_(cleanup_free) Event *events = calloc(EVENTS_MAX, sizeof(*events));
    size_t n = 0;
    Event event;
    int r = sd_bus_message_enter_container(reply, 'a', "(tss)");

    if (!events)
        return complain_memory();
    while (r >= 0 && (r = sd_bus_message_read(reply, "(tss)", &event.at_usec, &event.object, &event.text)) > 0)
        if (n < EVENTS_MAX && n < n_last && is_wanted(names, event.object))
            events[n++] = event;
    if (r < 0)
        return client_bad_reply(r);
    while (n-- > 0)
        print_event(options, &events[n]);
    fflush(stdout);
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* One answer. *after: where we have come to. */
static int fetch(sd_bus *bus, const Options *options, char *const *names, bool wait, uint64_t *after) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    uint64_t last, lost, n_last = options->follow ? LINES_FOLLOWED : UINT64_MAX;
    int status = client_call(bus, NULL, CALL_ACTS, &reply, "Journal", "tb", *after, wait), r;

    if (status != EXIT_SUCCESS)
        return status;
    r = sd_bus_message_read(reply, "tt", &last, &lost);
    if (r < 0)
        return client_bad_reply(r);
    if (wait && lost > 0)
        complain("%" PRIu64 " events were lost: they came faster than they were read", lost);
    if (options->lines < UINT64_MAX)
        n_last = options->lines;
    *after = last;
    return print_events(options, names, reply, wait ? UINT64_MAX : n_last);
}

int verb_events(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    uint64_t after = 0;
    int status = client_open(options, &bus);

    if (status == EXIT_SUCCESS)
        status = fetch(bus, options, arguments, false, &after);
    while (status == EXIT_SUCCESS && options->follow)
        status = fetch(bus, options, arguments, true, &after);
    return status;
}
