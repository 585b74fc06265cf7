/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The control socket's server side (serve/protocol.h). Looks at policy and ledger itself for what only reads; hands
 * everything else to the backend, which answers each call exactly once, now or later. Decides who may call, and bounds what
 * any peer can make us hold. No decisions about the node.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "model/ledger.h"
#include "model/policy.h"
#include "serve/exposition.h"

enum {
    API_PRIORITY = SD_EVENT_PRIORITY_NORMAL + 10, /* exits, timers and the worker come first, whoever asks how much */
    API_PEERS_MAX = 64,                           /* that only read, and as many that change */
    API_QUEUED_REPLIES_MAX = 64,                  /* a peer that does not read its replies is cut off */
};

typedef struct Api Api;
typedef struct ApiCall ApiCall; /* a call that waits for its answer */

typedef struct ApiRun {
    const char *name; /* of the transient workload */
    char **arguments;
    char **settings; /* key, value, key, value, ...; policy language */
    char **environment;
    const char *directory;
    int stdio[3]; /* borrowed: duplicate to keep */
    bool wait;
} ApiRun;

typedef struct ApiKill {
    const char *name; /* of the workload */
    bool all;         /* not its main process alone */
    unsigned session; /* not 0: the session's instead */
    int signal;
} ApiKill;

typedef struct ApiExec {
    const char *name; /* of the workload */
    unsigned session; /* the caller's choice */
    char **arguments;
    char **environment;           /* beside the workload's */
    const char *directory, *user; /* "": the workload's */
    int stdio[3];                 /* borrowed: duplicate to keep */
} ApiExec;

typedef struct ApiSet {
    const char *name;
    char **settings; /* key, value, ..., as in ApiRun; "": what the files say again */
    bool runtime;    /* until the next boot only */
} ApiSet;

/* What a change of the policy would make of a group's entitlement, in usec of CPU time a second. */
typedef struct ApiWhatIfRow {
    const char *name, *slice; /* slice "": top */
    uint64_t before, after;   /* UINT64_MAX: it does not run */
} ApiWhatIfRow;

typedef struct ApiLimitRow {
    const char *key;
    char set[256], written[256], effective[320];
    uint64_t bitten; /* UINT64_MAX: no witness */
} ApiLimitRow;

typedef struct ApiCheckRow {
    const char *share, *mechanism, *state, *why, *cure;
} ApiCheckRow;

typedef struct ApiBackend {
    void *userdata;
    const Policy *(*policy)(void *userdata);
    const Ledger *(*ledger)(void *userdata);
    void (*forsaken)(
            void *userdata); /* a peer has gone: api_is_forsaken() of calls that wait for something may be true now */
    void (*sample)(void *userdata); /* brings the ledger's samples up to date */
    int (*snapshot)(void *userdata, ExpositionFormat format, char **ret_text, size_t *ret_size);
    void (*plan)(void *userdata, ApiCall *call);
    void (*what_if)(void *userdata, char *const *changes, ApiCall *call); /* name, key, value, name, key, value, ... */
    void (*policy_state)(void *userdata, ApiCall *call);
    void (*reload)(void *userdata, ApiCall *call);
    void (*stop_all)(void *userdata, ApiCall *call);
    void (*show)(void *userdata, const char *name, ApiCall *call);
    void (*cat)(void *userdata, const char *name, ApiCall *call); /* name "": all */
    void (*cat_files)(void *userdata, const char *name, ApiCall *call);
    void (*check)(void *userdata, ApiCall *call);
    void (*start)(void *userdata, const char *name, ApiCall *call);
    void (*stop)(void *userdata, const char *name, ApiCall *call);
    void (*restart)(void *userdata, const char *name, ApiCall *call);
    void (*freeze)(void *userdata, const char *name, ApiCall *call);
    void (*thaw)(void *userdata, const char *name, ApiCall *call);
    void (*wait)(void *userdata, const char *name, ApiCall *call);
    void (*kill)(void *userdata, const ApiKill *kill, ApiCall *call);
    void (*exec)(void *userdata, const ApiExec *exec, ApiCall *call);
    void (*set)(void *userdata, const ApiSet *set, ApiCall *call);
    void (*run)(void *userdata, const ApiRun *run, ApiCall *call);
    void (*remove)(void *userdata, const char *name, ApiCall *call);
} ApiBackend;

/* Listens on listen_fd (taken) if it is >= 0, else on a fresh socket at path, 0660 root:group. tree_path: peers from there only read. */
int api_new(sd_event *event, const char *path, int listen_fd, const char *group, const char *tree_path,
        const ApiBackend *backend, Api **ret);
Api *api_free(Api *api);
DEFINE_CLEANUP(Api *, api_free);

bool api_is_hurried(const ApiCall *call);  /* it wants its answer before what it asks for has come to pass */
bool api_is_forsaken(const ApiCall *call); /* its peer is gone, so that any answer will do */

/* Answers. Each consumes the call; a peer that is gone is no error. */
void api_answer(ApiCall *call);
void api_answer_policy_state(ApiCall *call, bool ok, uint64_t loaded_usec, const char *errors);
void api_answer_text(ApiCall *call, const char *text);
void api_answer_lines(ApiCall *call, char *const *lines);
/* faults: object, why, object, why, ... */
void api_answer_reload(ApiCall *call, char *const *lines, char *const *faults);
void api_answer_limits(ApiCall *call, const char *name, const ApiLimitRow *rows, size_t n);
void api_answer_what_if(ApiCall *call, const ApiWhatIfRow *rows, size_t n);
void api_answer_check(ApiCall *call, const ApiCheckRow *rows, size_t n);
void api_answer_exit(ApiCall *call, const Exit *exit);
void api_answer_run(ApiCall *call, const char *name, pid_t pid, const Exit *exit);
/* error: one of CONTROL_ERROR_*. */
__attribute__((format(printf, 3, 4))) void api_answer_error(ApiCall *call, const char *error, const char *format, ...);
