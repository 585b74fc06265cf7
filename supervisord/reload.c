/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Which policy is the running one. Its files are read by a reload only; what is wanted at run time is laid over them as
 * they were then. A copy of them in the runtime directory lets a daemon that finds errors in the files go on with what held.
 */

#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "model/lease.h"
#include "model/policy/amend.h"
#include "model/policy/weigh.h"
#include "supervisor.h"

/* In the runtime directory. */
#define COPY_NAME "loaded"
#define LEASES_NAME "leases"

void supervisor_log_diagnostics(const Diagnostics *diagnostics) {
    for (size_t i = 0; i < diagnostics->n_lines; i++)
        log_error("%s", diagnostics->lines[i]);
    if (diagnostics->n_dropped)
        log_error("and %zu more", diagnostics->n_dropped);
}

static void set_back(Supervisor *s, LedgerEntry *entry) {
    run_on_user_start(&entry->run);
    supervisor_remember(s, entry->name);
}

/* What could not be started under the old policy gets another try under the new one. */
static void retry_failed_starts(Supervisor *s) {
    size_t cursor = 0;
    for (LedgerEntry *entry; s->ledger && (entry = ledger_next(s->ledger, &cursor));)
        if (entry->run.state == RUN_FAILED && entry->run.failure)
            set_back(s, entry);
}

void supervisor_end_backoffs(Supervisor *s) {
    size_t cursor = 0;
    for (LedgerEntry *entry; s->ledger && (entry = ledger_next(s->ledger, &cursor));) {
        const Group *group = entry->run.state == RUN_BACKOFF ? policy_group(s->policy, entry->name) : NULL;
        if (entry->run.state == RUN_BACKOFF && !(group && group->workload && group->workload->life.running)) {
            run_on_stopping(&entry->run);
            supervisor_remember(s, entry->name);
        }
    }
}

static int read_transient(Supervisor *s, Diagnostics *diagnostics, Sources *ret) {
    _cleanup_(cleanup_free) char *directory = NULL;
    int r = text_printf(&directory, "%s/transient", s->config->runtime_dir);
    return r < 0 ? r : sources_read_transient(ret, directory, diagnostics);
}

int supervisor_parse(Supervisor *s, const Sources *files, const Sources *transient, const HostFacts *facts,
        Diagnostics *diagnostics, Policy **ret) {
    _cleanup_(cleanup_free) char *leases = NULL;
    size_t length;
    if (file_read_all_at(s->runtime_fd, LEASES_NAME, LEASES_BYTES_MAX, &leases, &length) < 0)
        leases = NULL; /* as good as none: they come out nearly the same */
    return policy_parse(files, transient, leases, facts, diagnostics, ret);
}

/* What the sources say with what is wanted at run time over them. */
static int parse(
        Supervisor *s, const Sources *sources, const HostFacts *facts, Diagnostics *diagnostics, Policy **ret) {
    _cleanup_(sources_done) Sources transient = {};
    int r = read_transient(s, diagnostics, &transient);
    return r < 0 ? r : supervisor_parse(s, sources, &transient, facts, diagnostics, ret);
}

/* Before anything has such an address: the policy of a daemon that comes back gives the same ones. */
static void keep_leases(const Supervisor *s) {
    _cleanup_(cleanup_free) char *wanted = NULL, *written = NULL;
    size_t length;
    int r = leases_format(s->policy, &wanted);
    if (r == 0 && file_read_all_at(s->runtime_fd, LEASES_NAME, LEASES_BYTES_MAX, &written, &length) < 0)
        written = NULL;
    if (r == 0 && strcmp(wanted, written ?: "") != 0)
        r = file_replace_at(s->runtime_fd, LEASES_NAME, wanted, 0600);
    if (r < 0)
        log_error("cannot write down the leased addresses: %s", strerror(-r));
}

int supervisor_copy_sources(Supervisor *s, Sources *ret_files, Sources *ret_transient, Diagnostics *diagnostics) {
    int r = sources_copy(&s->sources, ret_files);
    return r < 0 ? r : read_transient(s, diagnostics, ret_transient);
}

static void replace_policy(Supervisor *s, Policy *policy) {
    bool is_first = !s->policy;
    if (!is_first)
        supervisor_end_window(s, policy);
    policy_unref(s->policy);
    s->policy = policy;
    if (!is_first)
        supervisor_rest(s);
    keep_leases(s);
    supervisor_end_backoffs(s);
}

static void replace_sources(Supervisor *s, Sources *sources, const HostFacts *facts) {
    s->facts = *facts;
    sources_done(&s->sources);
    s->sources = *sources;
    *sources = (Sources){};
}

int supervisor_read_policy(Supervisor *s, Diagnostics *diagnostics, Policy **ret) {
    HostFacts facts = host_facts_read();
    _cleanup_(sources_done) Sources sources = {};
    int r = sources_read_directories(&sources, s->config->policy_dirs, diagnostics);
    return r < 0 ? r : parse(s, &sources, &facts, diagnostics, ret);
}

/* What is wrong with it is not kept: then all is parsed, which reports it where it stands. */
static int amend(Supervisor *s, const char *name, Policy **ret) {
    _cleanup_(sources_done) Sources transient = {}, files_of_it = {}, transient_of_it = {};
    _cleanup_(cleanup_policy_unref) Policy *narrow = NULL;
    Diagnostics diagnostics = {};
    int r = read_transient(s, &diagnostics, &transient);
    if (r >= 0)
        r = sources_narrow(&s->sources, name, &files_of_it);
    if (r >= 0)
        r = sources_narrow(&transient, name, &transient_of_it);
    if (r >= 0)
        r = policy_parse(&files_of_it, &transient_of_it, NULL, &s->facts, &diagnostics, &narrow);
    if (r >= 0)
        r = policy_amend(s->policy, name, narrow, ret);
    diagnostics_done(&diagnostics);
    return r;
}

int supervisor_overlay(Supervisor *s, const char *name, Diagnostics *diagnostics) {
    Policy *policy;
    int r = amend(s, name, &policy);
    if (r == 0) {
        replace_policy(s, policy);
        return 0;
    }
    r = parse(s, &s->sources, &s->facts, diagnostics, &policy);
    if (r < 0)
        return r;
    if (policy_weights_differ(s->policy, policy)) /* whoever asked plans for this one alone */
        supervisor_decide_at(s, supervisor_now());
    replace_policy(s, policy);
    return 0;
}

int supervisor_list(Supervisor *s, const char *name, Diagnostics *diagnostics, char **ret) {
    _cleanup_(sources_done) Sources transient = {};
    int r = read_transient(s, diagnostics, &transient);
    return r < 0 ? r : policy_list(&s->sources, &transient, &s->facts, name, diagnostics, ret);
}

int supervisor_list_files(Supervisor *s, const char *name, Diagnostics *diagnostics, char **ret) {
    HostFacts facts = host_facts_read();
    _cleanup_(sources_done) Sources sources = {}, transient = {};
    int r = sources_read_directories(&sources, s->config->policy_dirs, diagnostics);
    if (r >= 0)
        r = read_transient(s, diagnostics, &transient);
    return r < 0 ? r : policy_list(&sources, &transient, &facts, name, diagnostics, ret);
}

static int write_copy(Supervisor *s, const Sources *sources) {
    _cleanup_(cleanup_free) char *text = NULL;
    int r = sources_to_text(sources, &text);
    return r < 0 ? r : file_replace_at(s->runtime_fd, COPY_NAME, text, 0600);
}

int supervisor_replace(Supervisor *s, Sources *files, Policy *policy) {
    int r = write_copy(s, files);
    replace_sources(s, files, &s->facts);
    replace_policy(s, policy);
    return r;
}

/* Without a copy nothing is replaced: a daemon that comes back to files with errors would go back further than to what held. */
static int keep_copy(Supervisor *s, const Sources *sources, Diagnostics *diagnostics) {
    int r = write_copy(s, sources);
    if (r >= 0)
        return 0;
    diagnostics_add(diagnostics, s->config->runtime_dir, 0, NULL, NULL,
            "cannot keep a copy of the policy, which is not replaced: %s", strerror(-r));
    return -EBADMSG;
}

/* A daemon that starts without room for a copy still starts, but leaves none of another policy. */
static int keep_first_copy(Supervisor *s, const Sources *sources, Diagnostics *diagnostics) {
    int r = write_copy(s, sources);
    if (r >= 0)
        return 0;
    log_warning("cannot keep a copy of the policy in %s: %s", s->config->runtime_dir, strerror(-r));
    unlinkat(s->runtime_fd, COPY_NAME, 0);
    return 0;
}

static int load(Supervisor *s, int (*keep)(Supervisor *, const Sources *, Diagnostics *), Diagnostics *diagnostics) {
    _cleanup_(sources_done) Sources sources = {};
    _cleanup_(cleanup_policy_unref) Policy *policy = NULL;
    HostFacts facts = host_facts_read();
    int r = sources_read_directories(&sources, s->config->policy_dirs, diagnostics);
    if (r >= 0)
        r = parse(s, &sources, &facts, diagnostics, &policy);
    if (r >= 0)
        r = keep(s, &sources, diagnostics);
    if (r < 0)
        return r;
    replace_sources(s, &sources, &facts);
    replace_policy(s, TAKE_PTR(policy));
    return 0;
}

static void note_load(Supervisor *s, int r, const Diagnostics *diagnostics) {
    free(s->last_reload.errors);
    s->last_reload.errors = NULL;
    s->last_reload.ok = r >= 0;
    if (s->ledger)
        ledger_journal(s->ledger, supervisor_now(), "",
                r >= 0 ? "the policy is loaded" : "the policy has errors; the one before goes on");
    if (r >= 0)
        s->last_reload.success_usec = supervisor_now();
    else if (diagnostics_text(diagnostics, &s->last_reload.errors) < 0)
        s->last_reload.errors = NULL;
}

int supervisor_reload(Supervisor *s, Diagnostics *diagnostics) {
    int r = load(s, keep_copy, diagnostics);
    note_load(s, r, diagnostics);
    if (r < 0)
        return r;
    s->all_stopped = false;
    retry_failed_starts(s);
    supervisor_drift_look(s);
    return 0;
}

/* -ENOENT: there is none. */
static int load_copy(Supervisor *s, Diagnostics *diagnostics) {
    _cleanup_(cleanup_free) char *text = NULL;
    _cleanup_(sources_done) Sources sources = {};
    HostFacts facts = host_facts_read();
    Policy *policy = NULL;
    size_t length;
    int r = file_read_all_at(s->runtime_fd, COPY_NAME, 2 * POLICY_BYTES_MAX, &text, &length);
    if (r >= 0)
        r = sources_from_text(text, length, &sources);
    if (r >= 0)
        r = parse(s, &sources, &facts, diagnostics, &policy);
    if (r < 0)
        return r;
    replace_sources(s, &sources, &facts);
    replace_policy(s, policy);
    return 0;
}

static int fall_back(Supervisor *s) {
    Diagnostics diagnostics = {};
    int r = load_copy(s, &diagnostics);
    if (r >= 0)
        log_error("the policy has errors; the one that was loaded last goes on until `supctl reload` finds none");
    else if (r == -ENOENT)
        log_error("cannot load the policy, and there is no earlier one to go on with");
    else {
        supervisor_log_diagnostics(&diagnostics);
        log_error("cannot load the policy, nor the copy of the last one in %s/" COPY_NAME, s->config->runtime_dir);
        log_error("nothing is changed, and what runs goes on: a newer supervisord may know what this one does not");
    }
    diagnostics_done(&diagnostics);
    return r;
}

int supervisor_open_policy(Supervisor *s) {
    Diagnostics diagnostics = {};
    int r = load(s, keep_first_copy, &diagnostics);
    note_load(s, r, &diagnostics);
    if (r < 0) {
        supervisor_log_diagnostics(&diagnostics);
        r = r == -EBADMSG ? fall_back(s) : r;
    }
    diagnostics_done(&diagnostics);
    return r;
}
