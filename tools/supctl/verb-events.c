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

typedef struct Events {
    Event items[EVENTS_MAX]; /* the newest first */
    size_t n;
} Events;

static bool is_wanted(char *const *names, const char *object) {
    char *const *name = names;

    while (*name && strcmp(*name, object) != 0)
        name++;
    return !*names || *name;
}

static bool events_have(const Events *events, const char *object) {
    size_t i = 0;

    while (i < events->n && strcmp(events->items[i].object, object) != 0)
        i++;
    return i < events->n;
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

/* The n_last newest that are wanted, oldest first. */
static int print_events(const Options *options, char *const *names, const Events *events, uint64_t n_last) {
    size_t begin = 0;

    for (uint64_t n = 0; begin < events->n && n < n_last; begin++)
        n += is_wanted(names, events->items[begin].object);
    while (begin-- > 0)
        if (is_wanted(names, events->items[begin].object))
            print_event(options, &events->items[begin]);
    fflush(stdout);
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int read_events(sd_bus_message *reply, Events *ret) {
    Event event;
    int r = sd_bus_message_enter_container(reply, 'a', "(tss)");

    while (r >= 0 && (r = sd_bus_message_read(reply, "(tss)", &event.at_usec, &event.object, &event.text)) > 0)
        if (ret->n < EVENTS_MAX)
            ret->items[ret->n++] = event;
    return r < 0 ? client_bad_reply(r) : EXIT_SUCCESS;
}

/* Whom nothing is known of must be in the policy at least. The exit status. */
static int check_names(sd_bus *bus, char *const *names, const Events *events) {
    int worst = EXIT_SUCCESS;

    for (; *names; names++) {
        int status = events_have(events, *names) ? EXIT_SUCCESS
                                                 : client_call(bus, *names, CALL_READS, NULL, "Cat", "s", *names);

        worst = status > worst ? status : worst;
    }
    return worst;
}

/* One answer. *after: where we have come to. */
static int fetch(sd_bus *bus, const Options *options, char *const *names, bool wait, uint64_t *after) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    _cleanup_(cleanup_free) Events *events = calloc(1, sizeof(*events));
    uint64_t last, lost, n_last = options->follow ? LINES_FOLLOWED : UINT64_MAX;
    int status = events ? client_call(bus, NULL, CALL_ACTS, &reply, "Journal", "tb", *after, wait) : complain_memory();
    int named = EXIT_SUCCESS, r;

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
    status = read_events(reply, events);
    if (status == EXIT_SUCCESS && !wait)
        named = check_names(bus, names, events);
    if (status == EXIT_SUCCESS)
        status = print_events(options, names, events, wait ? UINT64_MAX : n_last);
    return status == EXIT_SUCCESS ? named : status;
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
