/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who waits for actions. Nothing is kept for a follower but where it has come to: one that is slow finds the oldest
 * actions gone from the ledger, and is told how many.
 */

#include <stdlib.h>

#include "serve/api-internal.h"
#include "serve/api-view.h"

struct Follower {
    Follower *next; /* api::followers */
    ApiCall *call;
    uint64_t after;
};

static const Ledger *ledger_of(const Api *api) {
    return api->backend.ledger(api->backend.userdata);
}

static void answer(Api *api, ApiCall *call, uint64_t after) {
    sd_bus_message *reply = NULL;
    int r = sd_bus_message_new_method_return(call->message, &reply);
    if (r >= 0)
        r = view_journal(reply, ledger_of(api), after);
    call_answer(call, reply, r);
}

void follow(Api *api, ApiCall *call, uint64_t after, bool wait) {
    Follower *follower = wait && after >= ledger_last_action(ledger_of(api)) ? calloc(1, sizeof *follower) : NULL;
    if (!follower) {
        answer(api, call, after);
        return;
    }
    *follower = (Follower){ .next = api->followers, .call = call, .after = after };
    api->followers = follower;
}

/* Takes it out of the list. */
static ApiCall *take(Follower **follower) {
    Follower *taken = *follower;
    ApiCall *call = taken->call;
    *follower = taken->next;
    free(taken);
    return call;
}

void follow_forget(Api *api, const Peer *peer) {
    for (Follower **f = &api->followers; *f;)
        if ((*f)->call->peer == peer)
            call_end(take(f));
        else
            f = &(*f)->next;
}

int follow_look(sd_event_source *source, void *userdata) {
    Api *api = userdata;
    uint64_t last = api->followers ? ledger_last_action(ledger_of(api)) : 0;
    for (Follower **f = &api->followers; *f;)
        if ((*f)->after < last) {
            uint64_t after = (*f)->after;
            answer(api, take(f), after);
        } else
            f = &(*f)->next;
    return 0;
}
