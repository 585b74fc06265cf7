/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any message on a connection to the control socket, through sd-bus and all that we do with a call, to a backend that
 * only looks at what it is given. The first byte says who the peer is and what the rest is: bytes as they are, or, so
 * that the methods are reached, the body of a call that has a good head.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/strv.h"
#include "fuzz.h"
#include "serve/api-internal.h"
#include "serve/protocol.h"

enum {
    TURNS_MAX = 256,
    MESSAGE_MAX = 8192,
    HELD_MAX = 64,
    FDS_SENT = 3,
};

static Api *api;
static sd_event *event;
static Policy *policy;
static Ledger *ledger;
static ApiCall *held[HELD_MAX]; /* not answered until the peer is gone */
static size_t n_held;

/* --- the backend ------------------------------------------------------------------------------------------------- */

static const Policy *get_policy(void *userdata) {
    return policy;
}

static const Ledger *get_ledger(void *userdata) {
    return ledger;
}

static void sample(void *userdata) {
}

static int snapshot(void *userdata, ExpositionFormat format, char **ret_text, size_t *ret_size) {
    DEMAND(format < EXPOSITION_FORMATS_COUNT);
    *ret_text = strdup("up 1\n");
    *ret_size = strlen(*ret_text);
    return 0;
}

/* As who only waits: the others are answered, those of a peer that is gone too. */
static void forsaken(void *userdata) {
    size_t n = 0;
    for (size_t i = 0; i < n_held; i++)
        if (api_is_forsaken(held[i]))
            api_answer(held[i]);
        else
            held[n++] = held[i];
    n_held = n;
}

static void plain(void *userdata, ApiCall *call) {
    if (n_held < HELD_MAX)
        held[n_held++] = call;
    else
        api_answer(call);
}

static void named(void *userdata, const char *name, ApiCall *call) {
    DEMAND(strlen(name) < MESSAGE_MAX);
    if (strlen(name) % 2)
        plain(userdata, call);
    else
        api_answer_limits(call, name, NULL, 0);
}

static void kill_(void *userdata, const ApiKill *kill, ApiCall *call) {
    DEMAND(strlen(kill->name) < MESSAGE_MAX && kill->signal > 0);
    api_answer(call);
}

static void run(void *userdata, const ApiRun *run_, ApiCall *call) {
    DEMAND(strv_length(run_->settings) % 2 == 0);
    DEMAND(strv_length(run_->arguments) < MESSAGE_MAX && strv_length(run_->environment) < MESSAGE_MAX);
    for (size_t i = 0; i < ELEMENTSOF(run_->stdio); i++)
        DEMAND(fcntl(run_->stdio[i], F_GETFD) >= 0);
    api_answer_run(call, run_->name, 1, &(Exit){ 0 });
}

static void exec(void *userdata, const ApiExec *exec_, ApiCall *call) {
    DEMAND(strv_length(exec_->arguments) < MESSAGE_MAX && strv_length(exec_->environment) < MESSAGE_MAX);
    for (size_t i = 0; i < ELEMENTSOF(exec_->stdio); i++)
        DEMAND(fcntl(exec_->stdio[i], F_GETFD) >= 0);
    api_answer_run(call, exec_->name, 1, &(Exit){ 0 });
}

static void set(void *userdata, const ApiSet *set_, ApiCall *call) {
    DEMAND(strv_length(set_->settings) % 2 == 0);
    api_answer(call);
}

static void what_if(void *userdata, char *const *changes, ApiCall *call) {
    DEMAND(strv_length(changes) % 3 == 0);
    api_answer_what_if(call, &(ApiWhatIfRow){ "web", "", 1, UINT64_MAX }, 1);
}

static const ApiBackend backend = {
    .policy = get_policy,
    .ledger = get_ledger,
    .forsaken = forsaken,
    .sample = sample,
    .snapshot = snapshot,
    .plan = plain,
    .what_if = what_if,
    .policy_state = plain,
    .reload = plain,
    .stop_all = plain,
    .show = named,
    .cat = named,
    .cat_files = named,
    .check = plain,
    .start = named,
    .stop = named,
    .restart = named,
    .freeze = named,
    .thaw = named,
    .wait = named,
    .kill = kill_,
    .exec = exec,
    .set = set,
    .run = run,
    .remove = named,
};

/* A method that is new must be here too, or a name that the fuzzer finds calls NULL. */
static void demand_all_methods(void) {
    void (*const *methods)(void) = (void (*const *)(void)) & backend.policy;
    for (size_t i = 0; i < (sizeof backend - offsetof(ApiBackend, policy)) / sizeof *methods; i++)
        DEMAND(methods[i]);
}

static void start(void) {
    demand_all_methods();
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const struct sockaddr_un any = { .sun_family = AF_UNIX }; /* an abstract name of the kernel's choice */
    LedgerEntry *entry;

    DEMAND(fd >= 0 && bind(fd, (const struct sockaddr *) &any, sizeof any.sun_family) == 0 && listen(fd, 1) == 0);
    DEMAND(sd_event_new(&event) >= 0);
    DEMAND(ledger_new(&ledger) == 0 && ledger_entry(ledger, "web", GROUP_WORKLOAD, &entry) == 0);
    policy = calloc(1, sizeof *policy);
    DEMAND(policy);
    DEMAND(api_new(event, NULL, fd, NULL, "/tree", &backend, &api) >= 0);
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

static const struct {
    const char *member, *signature;
} methods[] = { { "Run", "sasa(ss)asshhhb" }, { "Show", "s" }, { "Kill", "ssi" }, { "Start", "s" }, { "Wait", "s" },
    { "Snapshot", "s" }, { "List", "" }, { "Samples", "" }, { "Journal", "" }, { "Plan", "" }, { "Check", "" },
    { "StopAll", "" }, { "PolicyState", "" }, { "Reload", "" }, { "Restart", "s" }, { "Stop", "s" },
    { "WhatIf", "a(sss)" }, { "Set", "sa(ss)b" }, { "Exec", "suasassshhh" } };

typedef struct Message {
    uint8_t bytes[MESSAGE_MAX];
    size_t length;
} Message;

static void put(Message *message, const void *bytes, size_t length) {
    DEMAND(message->length + length <= sizeof message->bytes);
    memcpy(message->bytes + message->length, bytes, length);
    message->length += length;
}

static void align(Message *message, size_t to) {
    while (message->length % to != 0)
        put(message, "", 1);
}

static void put_u32(Message *message, size_t number) {
    uint32_t u = (uint32_t) number;

    align(message, sizeof u);
    put(message, &u, sizeof u);
}

/* Header field: code, signature of the variant, value. */
static void put_field(Message *message, uint8_t code, char type, const char *text) {
    uint8_t length = (uint8_t) strlen(text);

    align(message, 8);
    put(message, &code, 1);
    put(message, (char[]){ 1, type, 0 }, 3);
    if (type == 'g')
        put(message, &length, 1);
    else
        put_u32(message, length);
    put(message, text, length + 1u);
}

/* The D-Bus specification, "Message Format". */
static void put_call(Message *message, size_t method, const uint8_t *body, size_t size) {
    size_t fields_at;
    uint32_t fields;

    put(message, (char[]){ 'l', 1, 0, 1 }, 4);
    put_u32(message, size);
    put_u32(message, 1);
    fields_at = message->length;
    put_u32(message, 0);
    put_field(message, 1, 'o', CONTROL_PATH);
    put_field(message, 2, 's', CONTROL_INTERFACE);
    put_field(message, 3, 's', methods[method].member);
    if (methods[method].signature[0])
        put_field(message, 8, 'g', methods[method].signature);
    align(message, 8);
    put(message, (char[]){ 9, 1, 'u', 0 }, 4);
    put_u32(message, FDS_SENT);
    fields = (uint32_t) (message->length - fields_at - sizeof fields);
    memcpy(message->bytes + fields_at, &fields, sizeof fields);
    align(message, 8);
    put(message, body, size);
}

static void send_message(int fd, const Message *message) {
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(FDS_SENT * sizeof(int))];
    } control = { .head = { CMSG_LEN(FDS_SENT * sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
    struct iovec vector = { (void *) message->bytes, message->length };
    const struct msghdr all = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    int fds[FDS_SENT] = { STDERR_FILENO, STDERR_FILENO, STDERR_FILENO };

    memcpy(CMSG_DATA(&control.head), fds, sizeof fds);
    sendmsg(fd, &all, MSG_NOSIGNAL);
}

/* --- one connection ---------------------------------------------------------------------------------------------- */

static void turn(int fd) {
    char sink[4096];

    for (unsigned i = 0; i < TURNS_MAX && sd_event_run(event, 0) > 0; i++)
        while (recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0)
            ;
}

static void say(int fd, bool may_change, const uint8_t *data, size_t size) {
    static const char hello[] = "\0AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
    unsigned kind = data[0] >> 1;
    Message message = { .length = 0 };

    data++;
    size--;
    if (kind == 0) { /* even the greeting is theirs */
        put(&message, data, size);
        send(fd, message.bytes, message.length, MSG_NOSIGNAL);
        return;
    }
    send(fd, hello, sizeof hello - 1, MSG_NOSIGNAL);
    turn(fd);
    if (kind == 1)
        put(&message, data, size);
    else
        put_call(&message, (kind - 2) % ELEMENTSOF(methods), data, size);
    if (kind == 1 && may_change) /* libsystemd would leak the descriptors of a bad message: root may do that */
        send(fd, message.bytes, message.length, MSG_NOSIGNAL);
    else
        send_message(fd, &message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int fds[2];

    if (!api)
        start();
    if (size == 0 || size > MESSAGE_MAX / 2)
        return 0;
    DEMAND(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    bool may_change = data[0] & 1;
    peer_accept(api, fds[1], may_change);
    say(fds[0], may_change, data, size);
    turn(fds[0]);
    close(fds[0]);
    turn(-1);
    while (api->peers) /* one that did not come to its senses */
        peer_remove(api->peers);
    while (n_held > 0)
        api_answer(held[--n_held]);
    DEMAND(api->n_peers[0] == 0 && api->n_peers[1] == 0);
    return 0;
}
