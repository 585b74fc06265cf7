/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A golden test of the policy language: loads the policy files of a case directory (and those in its run/, lib/ and
 * transient/, which stand for the weaker directories and the runtime drop-ins) and compares the errors, or else the whole policy, with the file `expected` beside them.
 *
 *     golden-policy [--update] DIRECTORY
 *
 * With a file `listed` in it, also what `supctl cat` would show of it.
 *
 * --update writes what came out as what is expected.
 */

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "golden.h"
#include "model/lease.h"
#include "model/policy/keys.h"
#include "model/policy/load.h"

/* Not that of the host: percents of memory must come out the same everywhere. */
static const HostFacts facts = {
    .scale = { .memory_total_bytes = UINT64_C(8) << 30, .page_bytes = 4096, .cpus = 4, .tasks_total = 32768 },
    .name = "node",
};

static void print_word(FILE *out, const char *word) {
    fputs(" <", out);
    for (const unsigned char *p = (const unsigned char *) word; *p; p++)
        fprintf(out, isprint(*p) ? "%c" : "\\x%02x", *p);
    fputc('>', out);
}

static void print_words(FILE *out, const char *key, char *const *words) {
    if (!words)
        return;
    fprintf(out, "    %s=", key);
    for (; *words; words++)
        print_word(out, *words);
    fputc('\n', out);
}

static void print_commands(FILE *out, const char *key, const Commands *commands) {
    char name[64];

    for (size_t i = 0; i < commands->n; i++) {
        snprintf(name, sizeof(name), "%s%s", key, commands->items[i].may_fail ? " (may fail)" : "");
        print_words(out, name, commands->items[i].arguments);
    }
}

static void print_text(FILE *out, const char *key, const char *text) {
    if (text)
        fprintf(out, "    %s=%s\n", key, text);
}

static void print_time(FILE *out, const char *key, uint64_t usec) {
    char buffer[AMOUNT_TEXT_MAX];

    print_text(out, key, format_usec(usec, buffer, sizeof(buffer)));
}

static void print_limits(FILE *out, const LimitValue values[static LIMITS_COUNT]) {
    char buffer[4096];

    FOREACH_LIMIT (limit) {
        if (values[limit->id].is_set)
            print_text(out, limit->key, limit_value_show(limit, &values[limit->id], buffer, sizeof(buffer)));
    }
    if (values[LIMIT_CPU_RESERVE].weight > 0)
        fprintf(out, "    cpu.weight by reserves: %" PRIu64 "\n", values[LIMIT_CPU_RESERVE].weight);
}

static void print_metrics(FILE *out, unsigned sets) {
    if (!sets)
        return;
    fputs("    Metrics=", out);
    for (MeterSet set = 0; set < METER_SETS_COUNT; set++)
        if (sets & 1u << set)
            fprintf(out, " %s", meter_set_name(set));
    fputc('\n', out);
}

static void print_wiring(FILE *out, const Wiring *wiring) {
    char text[ADDRESS_TEXT_MAX];

    if (wiring->owner)
        fprintf(out, "    Network=%s:%s\n", network_mode_name(wiring->mode), wiring->owner->name);
    else if (wiring->mode != NETWORK_BRIDGE)
        fprintf(out, "    Network=%s\n", network_mode_name(wiring->mode));
    for (size_t i = 0; i < wiring->n_attachments; i++) {
        const Attachment *attachment = wiring->attachments + i;

        fprintf(out, "    Network=%s:%s\n", network_mode_name(wiring->mode), attachment->network->name);
        for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++) {
            Subnet subnet = { attachment->addresses[family], attachment->network->subnets[family].prefix_length };

            if (address_is_set(&subnet.gateway))
                fprintf(out, "    Address=%s%s\n", subnet_format(&subnet, text, sizeof(text)),
                        attachment->leased[family] ? " (leased)" : "");
        }
    }
}

static void print_publications(FILE *out, const Wiring *wiring) {
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < wiring->n_publications; i++) {
        const Publication *publication = wiring->publications + i;
        bool at = address_is_set(&publication->at);

        fprintf(out, "    Publish=%s%s%u:%u/%s\n", at ? address_format(&publication->at, text, sizeof(text)) : "",
                at ? " " : "", publication->host_port, publication->port, publication->udp ? "udp" : "tcp");
    }
}

static void print_network(FILE *out, const Network *network) {
    char text[ADDRESS_TEXT_MAX];

    print_text(out, "Bridge", network->bridge);
    for (AddressFamily family = 0; family < ADDRESS_FAMILIES_COUNT; family++)
        if (address_is_set(&network->subnets[family].gateway))
            print_text(out, "Subnet", subnet_format(network->subnets + family, text, sizeof(text)));
    if (network->warm_pool != NETWORK_WARM_POOL_DEFAULT)
        fprintf(out, "    WarmPool=%" PRIu64 "\n", network->warm_pool);
    if (network->mtu_bytes != NETWORK_MTU_BYTES_DEFAULT)
        fprintf(out, "    MTU=%" PRIu64 "\n", network->mtu_bytes);
    if (network->nat)
        print_text(out, "NAT", "yes");
}

static void print_output(FILE *out, const char *key, const Output *output) {
    fprintf(out, "    %s=%s%s%s\n", key, output_kind_name(output->kind), output->path ? ":" : "",
            output->path ? output->path : "");
}

static void print_resource_limits(FILE *out, const ResourceLimit limits_of[static RLIM_NLIMITS]) {
    for (int i = 0; i < RLIM_NLIMITS; i++)
        if (limits_of[i].is_set)
            fprintf(out, "    %s=%" PRIu64 ":%" PRIu64 "\n", key_name(KEYS_RESOURCE + i), limits_of[i].soft,
                    limits_of[i].hard);
}

/* Their defaults are tried by the case minimal. */
static void print_scalars(FILE *out, const Exec *exec) {
    LogRate rate;

    if (exec->umask != 0022)
        fprintf(out, "    UMask=%04" PRIo64 "\n", exec->umask);
    if (exec->nice != 0)
        fprintf(out, "    Nice=%" PRId64 "\n", exec->nice);
    if (!exec->ignore_sigpipe)
        print_text(out, "IgnoreSIGPIPE", "no");
    if (exec->oom_score_adjust != 0)
        fprintf(out, "    OOMScoreAdjust=%" PRId64 "\n", exec->oom_score_adjust);
    if (log_rate_limited(&exec->log_rate, &rate))
        fprintf(out, "    LogRateLimitIntervalSec=%" PRIu64 " LogRateLimitBurst=%" PRIu64 "\n", rate.interval_usec,
                rate.burst);
}

static void print_exit_set(FILE *out, const char *key, const ExitSet *set) {
    fprintf(out, "    %s=", key);
    for (int code = 0; code < 256; code++)
        if (exit_set_has(set, false, code))
            fprintf(out, " %d", code);
    for (int number = 1; number <= 64; number++)
        if (exit_set_has(set, true, number))
            fprintf(out, " SIG%s", sigabbrev_np(number));
    fputc('\n', out);
}

/* Only what is not the default. */
static void print_ending(FILE *out, const Life *life) {
    static const ExitSet none;

    if (life->ending.mode != KILL_CONTROL_GROUP)
        print_text(out, "KillMode", kill_mode_name(life->ending.mode));
    if (life->ending.signal != SIGTERM)
        print_text(out, "KillSignal", sigabbrev_np(life->ending.signal));
    if (!life->ending.send_sigkill)
        print_text(out, "SendSIGKILL", "no");
    if (memcmp(&life->success, &none, sizeof(none)) != 0)
        print_exit_set(out, "SuccessExitStatus", &life->success);
    if (memcmp(&life->restart_prevent, &none, sizeof(none)) != 0)
        print_exit_set(out, "RestartPreventExitStatus", &life->restart_prevent);
    if (life->collect != COLLECT_INACTIVE)
        print_text(out, "CollectMode", collect_mode_name(life->collect));
    if (life->start_limit_interval_usec == 0)
        return;
    print_time(out, "StartLimitIntervalSec", life->start_limit_interval_usec);
    fprintf(out, "    StartLimitBurst=%" PRIu64 "\n", life->start_limit_burst);
}

static void print_workload(FILE *out, const Workload *workload) {
    print_words(out, "ExecStart", workload->exec.arguments);
    print_commands(out, "ExecStartPre", &workload->exec.start_pre);
    print_commands(out, "ExecStartPost", &workload->exec.start_post);
    print_commands(out, "ExecStop", &workload->exec.stop);
    print_text(out, "User", workload->exec.user);
    print_text(out, "Group", workload->exec.group);
    print_words(out, "SupplementaryGroups", workload->exec.supplementary_groups);
    print_text(out, "WorkingDirectory", workload->exec.working_directory);
    print_words(out, "Environment", workload->exec.environment);
    print_words(out, "EnvironmentFile", workload->exec.environment_files);
    print_resource_limits(out, workload->exec.resource_limits);
    print_scalars(out, &workload->exec);
    print_text(out, "StandardInput", workload->exec.input_path);
    print_text(out, "Restart", restart_policy_name(workload->life.restart));
    print_time(out, "RestartSec", workload->life.restart_usec);
    if (workload->life.start_timeout_usec != 90 * USEC_PER_SEC)
        print_time(out, "TimeoutStartSec", workload->life.start_timeout_usec);
    print_ending(out, &workload->life);
    print_time(out, "TimeoutStopSec", workload->life.ending.timeout_usec);
    print_output(out, "StandardOutput", &workload->exec.output);
    if (workload->exec.error.kind != OUTPUT_INHERIT)
        print_output(out, "StandardError", &workload->exec.error);
    print_wiring(out, &workload->wiring);
    print_publications(out, &workload->wiring);
    print_text(out, "State", workload->life.running ? "running" : "stopped");
    if (workload->transient)
        fprintf(out, "    (transient)\n");
}

static void print_filters(FILE *out, const Filters *filters) {
    char text[1024];

    for (int filter = 0; filter < FILTERS_COUNT; filter++)
        if (*filters_show(filters, (FilterId) filter, text, sizeof(text)))
            print_text(out, filter_key((FilterId) filter), text);
}

static void print_policy(FILE *out, const Policy *policy) {
    char path[4096];

    fprintf(out, "supervisord\n");
    print_time(out, "SampleIntervalSec", policy->settings.sample_interval_usec);
    fprintf(out, "    WorkloadsMax=%" PRIu64 "\n", policy->settings.workloads_max);
    if (policy->settings.drift == DRIFT_REPAIR)
        fprintf(out, "    Drift=repair\n");
    if (policy->settings.drift_interval_usec != 60 * USEC_PER_SEC)
        print_time(out, "DriftIntervalSec", policy->settings.drift_interval_usec);
    if (policy->settings.scheduler == SCHEDULER_FREEZE)
        print_text(out, "Scheduler", "freeze");
    if (policy->settings.meter_memory_max != AMOUNT_INFINITY)
        print_text(out, "MeterMemoryMax", format_bytes(policy->settings.meter_memory_max, path, sizeof(path)));
    print_metrics(out, policy->settings.metrics);
    print_limits(out, policy->settings.tree);
    for (size_t i = 0; i < policy->n_networks; i++) {
        const Network *network = policy->networks[i];

        fprintf(out, "network %s (%s:%u)\n", network->name, network->origin.file, network->origin.line);
        print_network(out, network);
    }
    for (size_t i = 0; i < policy->n_groups; i++) {
        const Group *group = policy->groups[i];

        if (group_path(group, path, sizeof(path)) < 0 || group->index != i)
            errx(EXIT_FAILURE, "%s: no path, or a wrong index", group->name);
        fprintf(out, "%s %s (%s:%u)\n", group_kind_name(group->kind), path, group->origin.file, group->origin.line);
        print_metrics(out, group->metrics);
        print_limits(out, group->limits);
        print_filters(out, &group->filters);
        if (group->frozen)
            print_text(out, "Frozen", "yes");
        if (group->workload)
            print_workload(out, group->workload);
    }
}

static void print_diagnostics(FILE *out, const Diagnostics *diagnostics) {
    for (size_t i = 0; i < diagnostics->n_lines; i++)
        fprintf(out, "%s\n", diagnostics->lines[i]);
    if (diagnostics->n_dropped > 0)
        fprintf(out, "and %zu more\n", diagnostics->n_dropped);
}

static void print_listing(FILE *out, const Sources *sources, const Sources *transient) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    _cleanup_(cleanup_free) char *text = NULL;

    if (policy_list(sources, transient, &facts, "", &diagnostics, &text) < 0)
        errx(EXIT_FAILURE, "policy_list");
    fprintf(out, "\nlisted:\n%s", text);
}

/* Paths are shown as from within the case directory. */
static void remove_all(char *text, const char *part) {
    size_t length = strlen(part);

    while ((text = strstr(text, part)))
        memmove(text, text + length, strlen(text + length) + 1);
}

static char *load_case(const char *directory) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    _cleanup_(cleanup_policy_unref) Policy *policy = NULL;
    char run[4096], lib[4096], transient[4096], leases[4096], listing[4096], prefix[4096], *text;
    _cleanup_(cleanup_free) char *former = NULL;
    size_t size;

    snprintf(run, sizeof(run), "%s/run", directory);
    snprintf(lib, sizeof(lib), "%s/lib", directory);
    snprintf(transient, sizeof(transient), "%s/transient", directory);
    snprintf(leases, sizeof(leases), "%s/leases", directory);
    snprintf(listing, sizeof(listing), "%s/listed", directory);
    snprintf(prefix, sizeof(prefix), "%s/", directory);

    if (file_read_all_at(AT_FDCWD, leases, LEASES_BYTES_MAX, &former, &size) < 0)
        former = NULL;
    _cleanup_(sources_done) Sources sources = {}, overlay = {};
    int r = sources_read_directories(&sources, (char *[]){ (char *) directory, run, lib, NULL }, &diagnostics);
    if (r >= 0)
        r = sources_read_transient(&overlay, transient, &diagnostics);
    if (r >= 0)
        r = policy_parse(&sources, &overlay, former, &facts, &diagnostics, &policy);
    if (r < 0 && r != -EBADMSG)
        errx(EXIT_FAILURE, "%s: %s", directory, strerror(-r));
    if ((r < 0) != diagnostics_any(&diagnostics))
        errx(EXIT_FAILURE, "%s: errors and result disagree", directory);

    FILE *out = open_memstream(&text, &size);
    if (!out)
        err(EXIT_FAILURE, "open_memstream");
    if (policy)
        print_policy(out, policy);
    if (policy && access(listing, F_OK) == 0)
        print_listing(out, &sources, &overlay);
    print_diagnostics(out, &diagnostics);
    fclose(out);
    remove_all(text, prefix);
    return text;
}

int main(int argc, char *argv[]) {
    return golden_main(argc, argv, load_case);
}
