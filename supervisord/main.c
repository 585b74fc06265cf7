/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Command line of the daemon, and nothing else. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "base/crash-point.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/strv.h"
#include "kernel/probe.h"
#include "supervisor.h"

static const char usage[] =
        "Usage: supervisord [OPTION...]\n"
        "\n"
        "Supervises the workloads of a policy in cgroups, namespaces and shares.\n"
        "\n"
        "  --policy DIR[:DIR...] policy files *.ini, the strongest directory first; may be given again (default\n"
        "                        /etc/supervisord, /run/INSTANCE/policy, /usr/lib/supervisord)\n"
        "  --instance NAME       names runtime directory, pins, unit and links (default supervisord)\n"
        "  --runtime DIR         control socket and runtime drop-ins (default /run/INSTANCE)\n"
        "  --tree-unit UNIT      delegated systemd unit that holds the tree (default, under systemd:\n"
        "                        INSTANCE-workloads.service)\n"
        "  --tree DIR            cgroup directory of the tree (default, without systemd: /INSTANCE)\n"
        "  --pins DIR            where eBPF programs and counters live on (default /sys/fs/bpf/INSTANCE)\n"
        "  --control-group NAME  group that may read over the control socket (default supervisord)\n"
        "  --no-bpf              without eBPF meters: the cgroups' own files only\n"
        "  --measure-bpf         time each run of an eBPF program; costs 20 to 60 ns a run\n"
        "  --log-level LEVEL     debug, info, notice, warning or err (default info)\n"
        "  --check               say what this machine can enforce and measure, and exit\n"
        "  --help, --version\n";

typedef struct Arguments {
    SupervisorConfig config;
    bool check;
    char *owned[3]; /* what was made from the instance's name */
} Arguments;

enum {
    OPTION_POLICY = 1,
    OPTION_INSTANCE,
    OPTION_RUNTIME,
    OPTION_TREE_UNIT,
    OPTION_TREE,
    OPTION_PINS,
    OPTION_CONTROL_GROUP,
    OPTION_NO_BPF,
    OPTION_MEASURE_BPF,
    OPTION_LOG_LEVEL,
    OPTION_CHECK,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option options[] = {
    { "policy", required_argument, NULL, OPTION_POLICY },
    { "instance", required_argument, NULL, OPTION_INSTANCE },
    { "runtime", required_argument, NULL, OPTION_RUNTIME },
    { "tree-unit", required_argument, NULL, OPTION_TREE_UNIT },
    { "tree", required_argument, NULL, OPTION_TREE },
    { "pins", required_argument, NULL, OPTION_PINS },
    { "control-group", required_argument, NULL, OPTION_CONTROL_GROUP },
    { "no-bpf", no_argument, NULL, OPTION_NO_BPF },
    { "measure-bpf", no_argument, NULL, OPTION_MEASURE_BPF },
    { "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
    { "check", no_argument, NULL, OPTION_CHECK },
    { "help", no_argument, NULL, OPTION_HELP },
    { "version", no_argument, NULL, OPTION_VERSION },
    {},
};

static int set_log_level(const char *text) {
    static const char *const levels[] = { [LOG_ERR] = "err",
        [LOG_WARNING] = "warning",
        [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info",
        [LOG_DEBUG] = "debug" };
    for (size_t i = 0; i < ELEMENTSOF(levels); i++)
        if (levels[i] && strcmp(levels[i], text) == 0) {
            log_set_max_level(i);
            return 0;
        }
    fprintf(stderr, "supervisord: --log-level: '%s' is not debug, info, notice, warning or err\n", text);
    return -EINVAL;
}

static int take_option(Arguments *arguments, int option) {
    SupervisorConfig *config = &arguments->config;
    const char **const texts[] = {
        [OPTION_INSTANCE] = &config->instance,
        [OPTION_RUNTIME] = &config->runtime_dir,
        [OPTION_TREE_UNIT] = &config->tree_unit,
        [OPTION_TREE] = &config->tree_path,
        [OPTION_PINS] = &config->pin_dir,
        [OPTION_CONTROL_GROUP] = &config->control_group,
    };
    if ((size_t) option < ELEMENTSOF(texts) && texts[option]) {
        *texts[option] = optarg;
        return 0;
    }
    switch (option) {
    case OPTION_POLICY:
        return strv_split(&config->policy_dirs, optarg, ':');
    case OPTION_NO_BPF:
        config->no_bpf = true;
        return 0;
    case OPTION_MEASURE_BPF:
        config->measure_programs = true;
        return 0;
    case OPTION_LOG_LEVEL:
        return set_log_level(optarg);
    case OPTION_CHECK:
        arguments->check = true;
        return 0;
    case OPTION_HELP:
        fputs(usage, stdout);
        exit(EXIT_SUCCESS);
    case OPTION_VERSION:
        puts("supervisord " PROJECT_VERSION);
        exit(EXIT_SUCCESS);
    default:
        return -EINVAL;
    }
}

static int default_to(const char **text, char **owned, const char *format, const char *instance) {
    if (*text)
        return 0;
    int r = text_printf(owned, format, instance);
    *text = *owned;
    return r;
}

/* The administrator's, the volatile and the distribution's: UAPI.6. */
static int default_directories(SupervisorConfig *config) {
    _cleanup_(cleanup_free) char *directories = NULL;
    if (config->policy_dirs)
        return 0;
    int r = text_printf(&directories, "/etc/supervisord:%s/policy:/usr/lib/supervisord", config->runtime_dir);
    return r < 0 ? r : strv_split(&config->policy_dirs, directories, ':');
}

static int fill_defaults(Arguments *arguments) {
    SupervisorConfig *config = &arguments->config;
    if (!name_is_valid(config->instance)) {
        fprintf(stderr, "supervisord: --instance: '%s' is not a name\n", config->instance);
        return -EINVAL;
    }
    int r = default_to(&config->runtime_dir, arguments->owned + 0, "/run/%s", config->instance);
    if (r == 0)
        r = default_to(&config->pin_dir, arguments->owned + 1, "/sys/fs/bpf/%s", config->instance);
    if (r == 0)
        r = default_directories(config);
    if (r < 0 || config->tree_unit || config->tree_path)
        return r;
    return sd_booted() > 0
                   ? default_to(&config->tree_unit, arguments->owned + 2, "%s-workloads.service", config->instance)
                   : default_to(&config->tree_path, arguments->owned + 2, "/%s", config->instance);
}

static int parse_arguments(int argc, char **argv, Arguments *ret) {
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        int r = take_option(ret, option);
        if (r < 0)
            return r;
    }
    if (optind < argc) {
        fprintf(stderr, "supervisord: takes options only, not '%s'\n", argv[optind]);
        return -EINVAL;
    }
    return fill_defaults(ret);
}

/* Without a daemon: looks at the machine only; the tree's own row says what a start would find. */
static int check(void) {
    ProbeRow rows[PROBE_ROWS_MAX];
    size_t n = probe(NULL, NULL, rows);
    for (size_t i = 0; i < n; i++) {
        printf("%-9s %-18s %s: %s\n", probe_state_name(rows[i].state), rows[i].share, rows[i].mechanism, rows[i].why);
        if (*rows[i].cure)
            printf("%29s%s\n", "-> ", rows[i].cure);
    }
    return 0;
}

int main(int argc, char **argv) {
    Arguments arguments = { .config = { .instance = "supervisord", .control_group = "supervisord" } };
    _cleanup_(cleanup_supervisor_free) Supervisor *supervisor = NULL;
    log_open();
    int r = parse_arguments(argc, argv, &arguments);
    if (r < 0)
        return 2;
    r = crash_points_open();
    if (r < 0) {
        log_error("SUPERVISORD_CRASH_AT: %s", strerror(-r));
        return 2;
    }
    if (arguments.check)
        r = check();
    else {
        r = supervisor_new(&arguments.config, &supervisor);
        if (r >= 0)
            r = supervisor_run(supervisor);
        supervisor = supervisor_free(supervisor);
    }
    for (size_t i = 0; i < ELEMENTSOF(arguments.owned); i++)
        free(arguments.owned[i]);
    strv_free(arguments.config.policy_dirs);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
