/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Life of a connection. What a peer can make us hold ends with it: who only waits is let go by the backend at once, and what
 * is being done for it has bounds of its own (the worker's queues, the number of sessions).
 */

#include <string.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "serve/api-internal.h"
#include "serve/protocol.h"

void peer_unref(Peer *peer) {
    if (--peer->n_references > 0)
        return;
    sd_bus_flush_close_unref(peer->bus);
    free(peer);
}

void peer_remove(Peer *peer) {
    Api *api = peer->api;
    follow_forget(api, peer);
    for (Peer **p = &api->peers; *p; p = &(*p)->next)
        if (*p == peer) {
            *p = peer->next;
            api->n_peers[peer->may_change]--;
            peer->is_gone = true;
            sd_bus_detach_event(peer->bus);
            sd_bus_close(peer->bus);
            if (peer->n_pending > 0)
                api->backend.forsaken(api->backend.userdata);
            peer_unref(peer);
            return;
        }
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    peer_remove(userdata);
    return 0;
}

/* Before each call: a peer that lets its replies pile up is cut off. */
static int filter_slow(sd_bus_message *message, void *userdata, sd_bus_error *error) {
    Peer *peer = userdata;
    uint64_t queued = 0;
    if (sd_bus_get_n_queued_write(peer->bus, &queued) < 0 || queued <= API_QUEUED_REPLIES_MAX)
        return 0;
    peer_remove(peer);
    return 1;
}

static int peer_serve(Peer *peer, int fd) {
    sd_id128_t id;
    sd_bus *bus = peer->bus;
    int r = sd_id128_randomize(&id);
    if (r >= 0)
        r = sd_bus_set_fd(bus, fd, fd);
    if (r < 0) {
        close(fd);
        return r;
    }
    /* libsystemd keeps the descriptors of a message that it does not understand: only root may send any. */
    if ((r = sd_bus_set_server(bus, true, id)) < 0 || (r = sd_bus_negotiate_fds(bus, peer->may_change)) < 0 ||
            (r = sd_bus_add_filter(bus, NULL, filter_slow, peer)) < 0 || (r = methods_add(peer)) < 0 ||
            (r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                     "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, NULL, peer)) < 0 ||
            (r = sd_bus_start(bus)) < 0)
        return r;
    return sd_bus_attach_event(bus, peer->api->event, API_PRIORITY);
}

void peer_accept(Api *api, int fd, bool may_change) {
    Peer *peer = calloc(1, sizeof *peer);
    if (!peer || sd_bus_new(&peer->bus) < 0) {
        free(peer);
        close(fd);
        return;
    }
    peer->api = api;
    peer->n_references = 1;
    peer->may_change = may_change;
    peer->next = api->peers;
    api->peers = peer;
    api->n_peers[may_change]++;
    if (peer_serve(peer, fd) < 0)
        peer_remove(peer);
}
