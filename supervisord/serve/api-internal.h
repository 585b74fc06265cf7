/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the files of the control socket share. A peer is a connection; each is a bus of its own. A call that waits for its
 * answer keeps its peer, also one that went away meanwhile.
 */

#include <systemd/sd-bus.h>

#include "serve/api.h"

typedef struct Peer Peer;
typedef struct Follower Follower;

struct Peer {
    Api *api; /* api::peers */
    Peer *next;
    sd_bus *bus;
    bool may_change;
    bool is_gone;
    unsigned n_pending;
    unsigned n_references; /* the list's, and one of each pending call */
};

struct Api {
    sd_event *event;
    sd_event_source *listen_source, *follow_source;
    Follower *followers; /* of the journal */
    int spare_fd;        /* given up for a moment when descriptors run out, so that a peer can be turned away */
    ApiBackend backend;
    char *tree_path;
    Peer *peers;
    unsigned n_peers[2]; /* by may_change, so that readers never take root's places */
};

struct ApiCall {
    Peer *peer;
    sd_bus_message *message;
    bool no_wait; /* answered once it is accepted */
};

/* --- api-peer.c --- */

void peer_accept(Api *api, int fd /* taken */, bool may_change);
void peer_remove(Peer *peer);
void peer_unref(Peer *peer);

/* --- api-call.c --- */

/* Takes a call up to be answered later; fails when the peer has too many. */
int call_begin(sd_bus_message *message, Peer *peer, sd_bus_error *error, ApiCall **ret);

void call_answer(ApiCall *call, sd_bus_message *reply, int r); /* consumes both */
void call_end(ApiCall *call);                                  /* unanswered: its peer is gone */

/* --- api-follow.c --- */

/* Answers with the actions after that number: at once, or with wait once there are any. */
void follow(Api *api, ApiCall *call, uint64_t after, bool wait);
void follow_forget(Api *api, const Peer *peer);
int follow_look(sd_event_source *source, void *userdata); /* after each turn of the loop */

/* --- api-method.c --- */

/* What a peer can call. */
int methods_add(Peer *peer);
