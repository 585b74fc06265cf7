/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The part of a start that may allocate, ask the user database and talk to the journal. systemd.exec(5) is the
 * measure.
 */

#include "kernel/spawn-setup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "base/strv.h"
#include "kernel/relay.h"
#include "kernel/spawn-environment.h"

/* Where no journal listens, output goes where the daemon's own messages go. */
static int journal_source(SpawnSetup *setup, const char *identifier) {
    if (setup->journal_fd < 0)
        setup->journal_fd = sd_journal_stream_fd(identifier, LOG_INFO, true);
    return setup->log_fd = setup->journal_fd >= 0 ? setup->journal_fd : STDERR_FILENO;
}

/* A descriptor, or -1 and the file that the child is to open. */
static int output_source(SpawnSetup *setup, const char *name, const Output *output, ChildFile *file) {
    static const int flags[OUTPUT_KINDS_COUNT] = { [OUTPUT_APPEND] = O_APPEND, [OUTPUT_TRUNCATE] = O_TRUNC };

    if (output->kind == OUTPUT_JOURNAL)
        return journal_source(setup, name);
    if (output->kind == OUTPUT_NULL)
        return setup->null_fd;
    *file = (ChildFile){ .path = output->path, .flags = O_WRONLY | O_CREAT | O_NOFOLLOW | flags[output->kind] };
    return -1;
}

static bool same_file(const Output *one, const Output *other) {
    return one->path && other->path && strcmp(one->path, other->path) == 0;
}

static void choose_stdio(SpawnSetup *setup, const SpawnSpec *spec) {
    const Exec *exec = &spec->workload->exec;
    ChildSetup *child = &setup->child;

    memcpy(child->stdio, spec->stdio, sizeof child->stdio);
    if (child->stdio[0] < 0 && exec->input_path)
        child->input = (ChildFile){ .path = exec->input_path, .flags = O_RDONLY };
    else if (child->stdio[0] < 0)
        child->stdio[0] = setup->null_fd;
    if (child->stdio[1] < 0)
        child->stdio[1] = output_source(setup, spec->name, &exec->output, &child->output);
    if (child->stdio[2] >= 0)
        return;
    child->error_is_output = exec->error.kind == OUTPUT_INHERIT || same_file(&exec->output, &exec->error);
    if (child->error_is_output)
        child->stdio[2] = child->stdio[1];
    else
        child->stdio[2] = output_source(setup, spec->name, &exec->error, &child->error);
}

/* One for both outputs: they have one limit. */
static int limit_log(SpawnSetup *setup, const SpawnSpec *spec, char **ret_message) {
    RelaySpec relay = {
        .name = spec->name,
        .uid = setup->credentials.uid,
        .gid = setup->credentials.gid,
        .tree_fd = spec->tree_fd,
        .out_fd = setup->log_fd,
        .at_most = RELAYS_MAX,
    };
    int *stdio = setup->child.stdio;

    if (setup->log_fd < 0 || !log_rate_limited(&spec->workload->exec.log_rate, &relay.rate))
        return 0;
    int r = relay_start(&relay, &setup->relay_fd, ret_message);
    for (int i = STDOUT_FILENO; r == 0 && i <= STDERR_FILENO; i++)
        if (stdio[i] == setup->log_fd)
            stdio[i] = setup->relay_fd;
    return r;
}

static int set_stdio(SpawnSetup *setup, const SpawnSpec *spec, char **ret_message) {
    setup->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (setup->null_fd < 0) {
        int r = -errno;

        text_printf(ret_message, "cannot open /dev/null: %s", strerror(-r));
        return r;
    }
    choose_stdio(setup, spec);
    return limit_log(setup, spec, ret_message);
}

static int set_credentials(SpawnSetup *setup, const Exec *exec, char **ret_message) {
    int r = credentials_look_up(exec, &setup->credentials, ret_message);
    if (r < 0)
        return r;
    setup->child.user = setup->credentials.user;
    setup->child.uid = setup->credentials.uid;
    setup->child.gid = setup->credentials.gid;
    setup->child.groups = setup->credentials.groups;
    setup->child.n_groups = setup->credentials.n_groups;
    return 0;
}

static int set_environment(SpawnSetup *setup, const SpawnSpec *spec, char **ret_message) {
    bool to_journal = setup->child.stdio[2] >= 0 && setup->child.stdio[2] == setup->journal_fd;
    int r = spawn_environment(
            spec, &setup->credentials, to_journal ? setup->journal_fd : -1, &setup->environment, ret_message);
    setup->child.environment = setup->environment;
    return r;
}

int spawn_setup(SpawnSetup *setup, const SpawnSpec *spec, char **ret_message) {
    const Exec *exec = &spec->workload->exec;

    setup->child.namespace_fd = spec->namespace_fd;
    setup->child.drop_net_admin = spec->workload->wiring.mode != NETWORK_HOST;
    setup->child.resource_limits = exec->resource_limits;
    setup->child.nice = (int) exec->nice;
    snprintf(setup->child.oom_score_adjust, sizeof setup->child.oom_score_adjust, "%d", (int) exec->oom_score_adjust);
    setup->child.umask = (mode_t) exec->umask;
    setup->child.ignore_sigpipe = exec->ignore_sigpipe;
    setup->child.arguments = exec->arguments;
    setup->child.start_pre = &exec->start_pre;
    setup->child.executable = exec->arguments[0];
    setup->child.working_directory = exec->working_directory ?: "/";

    int r = set_credentials(setup, exec, ret_message);
    if (r == 0)
        r = set_stdio(setup, spec, ret_message);
    return r == 0 ? set_environment(setup, spec, ret_message) : r;
}

void spawn_setup_done(SpawnSetup *setup) {
    strv_free(setup->environment);
    credentials_done(&setup->credentials);
    close_fd(setup->null_fd);
    close_fd(setup->journal_fd);
    close_fd(setup->relay_fd);
    *setup = (SpawnSetup) SPAWN_SETUP_NULL;
}
