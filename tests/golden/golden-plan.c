/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A golden test of the plan: policy.ini and the file `node`, which says what holds, go in; the plan's steps come out.
 * A line of `node` is one of these, # begins a comment:
 *
 *     tree [available=LIST] [enabled=LIST] [bfq] [share=NAME [FILE=TEXT]...]... [given=KEY]...
 *         Controllers of the tree, like cpu,memory: all but hugetlb can be had, all but cpuset are enabled, if it does not
 *         say otherwise. share: the tree, then each cgroup above it that is ours, with what it has of the node. given: what
 *         an earlier plan gave it.
 *     device PATH MAJOR:MINOR [none | iocost | bfq] | ERRNO
 *         The disk that a path of the policy leads to, with what shares it out, or why to none: ENODEV.
 *     network NAME bridge=NAME subnet=ADDRESS/LENGTH... [mtu=BYTES] [ports]
 *     firewall none | same | other
 *         No table of ours, which is so if it does not say; the rules of the policy; others.
 *     slice PATH [slot=N] [controllers=LIST] [frozen]
 *     workload PATH [slot=N] [frozen]
 *         A group with our mark; its name is the last part of its path below the tree. It has the limit files of the
 *         controllers that are enabled above it, and nothing set. A slice enables what the tree does, if not told.
 *     set NAME FILE [MAJOR:MINOR] [ENTRY] TEXT
 *         What holds, in the words of the plan: "set web io.max 254:16 wbps 1000000".
 *     numbers SPECIFIER char|block MAJOR:MINOR|MAJOR:*
 *         What a DeviceAllow= means on the node; again, to add. Not said: there is no such device.
 *     filter NAME devices|addresses|binds TEXT
 *         What is attached, in the words of the plan.
 *     leaf NAME NUMBER populated | ended [recipe=same | recipe=other]
 *         Of a start, with what it was started with: what the policy says, or something else.
 *     session NAME NUMBER populated | ended
 *     wish NAME start | keep | absent
 *         The governor's. Without it: keep if a leaf is populated, else start; absent if the policy says stopped.
 *     retry NAME TIME
 *         The governor's: it is in back-off, and is started again after that time.
 *     only NAME
 *         The plan is for this object alone.
 *
 * The tree and the devices stand before the groups, a slice before what is in it, wishes at the end.
 */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "golden.h"
#include "model/plan.h"
#include "model/policy/load.h"

enum { NODE_FILE_BYTES_MAX = 1024 * 1024 };

/* Not that of the host: percents of memory must come out the same everywhere. */
static const HostFacts facts = {
    .scale = { .memory_total_bytes = UINT64_C(8) << 30, .page_bytes = 4096, .tasks_total = 32768 }, .name = "node"
};

typedef struct Fixture {
    const char *directory;
    unsigned line;
    Policy *policy;
    Node node;
    Decision decision;
    char *only;
} Fixture;

#define fail(f, ...) (warnx("%s/node, line %u:", (f)->directory, (f)->line), errx(EXIT_FAILURE, __VA_ARGS__))

static void *check_memory(void *memory) {
    if (!memory)
        err(EXIT_FAILURE, "malloc");
    return memory;
}

/* One more, zeroed; the array is as long as it is used. */
#define APPEND(items, n)                                                       \
    ({                                                                         \
        (items) = check_memory(reallocarray(items, (n) + 1, sizeof *(items))); \
        memset((items) + (n), 0, sizeof *(items));                             \
        (items) + (n)++;                                                       \
    })

static char *copy(const char *text) {
    return check_memory(strdup(text));
}

/* --- words ------------------------------------------------------------------------------------------------------- */

/* The next word of the line, cut off; NULL at its end. */
static char *take(char **cursor) {
    char *word;

    do
        word = strsep(cursor, " ");
    while (word && !*word);
    return word;
}

static char *take_needed(const Fixture *f, char **cursor) {
    char *word = take(cursor);

    if (!word)
        fail(f, "too few words");
    return word;
}

/* What follows "key=" in the word; NULL if it begins otherwise. */
static char *option(char *word, const char *key) {
    size_t length = strlen(key);

    return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static uint64_t number(const Fixture *f, const char *text) {
    uint64_t value;

    if (parse_u64(text, &value) < 0)
        fail(f, "'%s' is not a number", text);
    return value;
}

static uint32_t controllers(char *list) {
    for (char *comma = list; (comma = strchr(comma, ','));)
        *comma = ' ';
    return controller_mask(list);
}

/* The word's place among the words; the last must be NULL. */
static unsigned choice(const Fixture *f, const char *word, const char *const *words) {
    for (unsigned i = 0; words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    fail(f, "what is '%s'?", word);
}

/* --- lines ------------------------------------------------------------------------------------------------------- */

static Setting *setting_of(NodeGroup *group, KnobId knob, unsigned major, unsigned minor) {
    for (size_t i = 0; i < group->n_settings; i++) {
        Setting *setting = &group->settings[i];

        if (setting->knob == knob && setting->device_major == major && setting->device_minor == minor)
            return setting;
    }
    Setting *setting = APPEND(group->settings, group->n_settings);
    *setting = (Setting){ .knob = knob, .device_major = major, .device_minor = minor };
    return setting;
}

static void put(NodeGroup *group, const Knob *knob, unsigned major, unsigned minor, const char *text) {
    Setting *setting = setting_of(group, knob->id, major, minor);

    snprintf(setting->text, sizeof setting->text, "%s", text);
}

static void share(Fixture *f, const char *name) {
    NodeGroup *group = APPEND(f->node.above, f->node.n_above);

    *group = (NodeGroup){ .name = copy(name) };
    f->node.share = f->node.n_above - 1;
    FOREACH_KNOB (knob)
        if (limits[knob->limit].owners == LIMIT_OWNERS_GROUPS_AND_TREE && !knob->optional)
            put(group, knob, 0, 0, knob->unset);
}

/* "cpu.weight=300": of the last one. */
static bool read_share(Fixture *f, const char *word) {
    FOREACH_KNOB (knob) {
        size_t length = strlen(knob->file);
        if (f->node.n_above > 0 && strncmp(word, knob->file, length) == 0 && word[length] == '=') {
            put(f->node.above + f->node.share, knob, 0, 0, word + length + 1);
            return true;
        }
    }
    return false;
}

static void read_tree(Fixture *f, char *rest) {
    for (char *word, *value; (word = take(&rest));)
        if ((value = option(word, "available")))
            f->node.controllers_available = controllers(value);
        else if ((value = option(word, "enabled")))
            f->node.controllers_enabled = controllers(value);
        else if ((value = option(word, "share")))
            share(f, value);
        else if ((value = option(word, "given")))
            f->node.shares_given |= UINT32_C(1) << limit_by_key(value)->id;
        else if (read_share(f, word))
            continue;
        else if (strcmp(word, "bfq") == 0)
            f->node.optional_knobs |= UINT64_C(1) << KNOB_IO_BFQ_WEIGHT | UINT64_C(1) << KNOB_IO_BFQ_DEVICE_WEIGHT;
        else
            fail(f, "what is '%s'?", word);
}

static int error_number(const Fixture *f, const char *name) {
    for (int i = 1; strerrorname_np(i); i++)
        if (strcmp(strerrorname_np(i), name) == 0)
            return i;
    fail(f, "'%s' is neither MAJOR:MINOR nor an errno", name);
}

static void read_device(Fixture *f, char *rest) {
    NodeDevice *device = APPEND(f->node.devices, f->node.n_devices);
    device->path = copy(take_needed(f, &rest));

    const char *word = take_needed(f, &rest);
    if (sscanf(word, "%u:%u", &device->major, &device->minor) != 2)
        device->error = -error_number(f, word);
    static const char *const weighers[] = { "none", "iocost", "bfq", NULL };
    word = take(&rest);
    device->weigher = word ? choice(f, word, weighers) : WEIGHER_NONE;
}

static void read_network(Fixture *f, char *rest) {
    NodeNetwork *network = APPEND(f->node.networks, f->node.n_networks);
    Subnet subnet;

    network->name = copy(take_needed(f, &rest));
    network->mtu_bytes = NETWORK_MTU_BYTES_DEFAULT;
    for (char *word, *value; (word = take(&rest));)
        if ((value = option(word, "bridge")))
            network->bridge = copy(value);
        else if (strcmp(word, "ports") == 0)
            network->has_ports = true;
        else if ((value = option(word, "mtu")))
            network->mtu_bytes = number(f, value);
        else if ((value = option(word, "subnet")) && address_parse_prefix(value, &subnet) == 0)
            network->subnets[address_index(&subnet.gateway)] = subnet;
        else
            fail(f, "what is '%s'?", word);
    if (!network->bridge)
        fail(f, "bridge= is missing");
}

static void read_firewall(Fixture *f, char *rest) {
    static const char *const words[] = { "none", "same", "other", NULL };
    _cleanup_(cleanup_free) char *rules = NULL;

    switch (choice(f, take_needed(f, &rest), words)) {
    case 1:
        if (firewall_rules(f->policy, &rules) < 0 || !rules)
            fail(f, "the policy needs none");
        firewall_seal(rules, f->node.firewall_seal);
        break;
    case 2:
        strcpy(f->node.firewall_seal, "other");
        break;
    }
}

/* Huge pages are those of x86-64. */
static bool has_file(const Fixture *f, const Knob *knob) {
    return knob->optional ? f->node.optional_knobs & UINT64_C(1) << knob->id
                          : knob->id != KNOB_HUGETLB_64K && knob->id != KNOB_HUGETLB_32M;
}

/* As the kernel makes it: the files of the controllers that are enabled above, with nothing set. */
static void put_defaults(Fixture *f, NodeGroup *group, uint32_t enabled) {
    FOREACH_KNOB (knob) {
        if (!knob->controller || !(controller_mask(knob->controller) & enabled) || !has_file(f, knob))
            continue;
        if (knob_kind(knob) != LIMIT_KIND_DEVICES)
            put(group, knob, 0, 0, knob->unset);
        for (size_t i = 0; knob_kind(knob) == LIMIT_KIND_DEVICES && i < f->node.n_devices; i++)
            if (!f->node.devices[i].error)
                put(group, knob, f->node.devices[i].major, f->node.devices[i].minor, knob->unset);
    }
}

/* The last of that name above this line. */
static NodeGroup *needed_group(const Fixture *f, const char *name) {
    for (size_t i = f->node.n_groups; i-- > 0;)
        if (strcmp(f->node.groups[i].name, name) == 0)
            return &f->node.groups[i];
    fail(f, "there is no '%s' above this line", name);
}

/* Its name and its parent's are the last parts of its path. */
static uint32_t place_group(Fixture *f, NodeGroup *group, const char *path) {
    _cleanup_(cleanup_free) char *above = copy(path);
    char *slash = strrchr(above, '/');

    group->path = copy(path);
    group->name = copy(slash ? slash + 1 : path);
    if (!slash)
        return f->node.controllers_enabled;
    *slash = '\0';
    slash = strrchr(above, '/');
    group->parent = copy(slash ? slash + 1 : above);
    return needed_group(f, group->parent)->controllers;
}

static void read_group(Fixture *f, GroupKind kind, char *rest) {
    NodeGroup group = { .kind = kind, .slot = SLOT_NONE };
    uint32_t enabled_above = place_group(f, &group, take_needed(f, &rest));

    if (kind == GROUP_SLICE)
        group.controllers = f->node.controllers_enabled;
    for (char *word, *value; (word = take(&rest));)
        if ((value = option(word, "slot")))
            group.slot = number(f, value);
        else if ((value = option(word, "controllers")))
            group.controllers = controllers(value);
        else if (strcmp(word, "frozen") == 0)
            group.frozen = true;
        else
            fail(f, "what is '%s'?", word);
    put_defaults(f, &group, enabled_above);
    *APPEND(f->node.groups, f->node.n_groups) = group;
}

static void read_slice(Fixture *f, char *rest) {
    read_group(f, GROUP_SLICE, rest);
}

static void read_workload(Fixture *f, char *rest) {
    read_group(f, GROUP_WORKLOAD, rest);
}

/* What follows the entry's name, or all of it if the file has no entries; NULL if it is another entry's. */
static const char *entry_text(const Knob *knob, const char *text, bool of_device) {
    size_t length = knob->entry ? strlen(knob->entry) : 0;

    if (of_device != (knob_kind(knob) == LIMIT_KIND_DEVICES))
        return NULL;
    if (!knob->entry)
        return text;
    return strncmp(text, knob->entry, length) == 0 && text[length] == ' ' ? text + length + 1 : NULL;
}

static void read_set(Fixture *f, char *rest) {
    NodeGroup *group = needed_group(f, take_needed(f, &rest));
    const char *file = take_needed(f, &rest), *text;
    unsigned major = 0, minor = 0;
    int device_length = 0;

    if (rest && sscanf(rest, "%u:%u %n", &major, &minor, &device_length) == 2)
        rest += device_length;
    else
        major = 0;
    FOREACH_KNOB (knob) {
        if (rest && strcmp(knob->file, file) == 0 && (text = entry_text(knob, rest, device_length > 0))) {
            put(group, knob, major, minor, strcmp(text, "\"\"") == 0 ? "" : text);
            return;
        }
    }
    fail(f, "no limit is there");
}

static DeviceNumbers *numbers_of(Fixture *f, const char *specifier) {
    for (size_t i = 0; i < f->node.n_device_numbers; i++)
        if (strcmp(f->node.device_numbers[i].specifier, specifier) == 0)
            return &f->node.device_numbers[i];
    DeviceNumbers *numbers = APPEND(f->node.device_numbers, f->node.n_device_numbers);
    numbers->specifier = copy(specifier);
    return numbers;
}

static void read_numbers(Fixture *f, char *rest) {
    static const char *const words[] = { "block", "char", NULL };
    DeviceNumbers *numbers = numbers_of(f, take_needed(f, &rest));
    uint32_t type = choice(f, take_needed(f, &rest), words) + DEVICE_BLOCK, major, minor = DEVICE_NUMBER_ANY;

    if (sscanf(take_needed(f, &rest), "%u:%u", &major, &minor) < 1)
        fail(f, "no numbers are there");
    if (device_numbers_add(numbers, type, major, minor) < 0)
        err(EXIT_FAILURE, "malloc");
}

static void read_filter(Fixture *f, char *rest) {
    static const char *const words[] = {
        [FILTER_DEVICES] = "devices", [FILTER_ADDRESSES] = "addresses", [FILTER_BINDS] = "binds", NULL
    };
    NodeGroup *group = needed_group(f, take_needed(f, &rest));
    unsigned filter = choice(f, take_needed(f, &rest), words);

    snprintf(group->filters[filter], sizeof group->filters[filter], "%s", rest);
}

static void read_leaf(Fixture *f, char *rest) {
    static const char *const words[] = { "ended", "populated", NULL }, *const recipes[] = { "same", "other", NULL };
    NodeGroup *group = needed_group(f, take_needed(f, &rest));
    const Group *wanted = policy_group(f->policy, group->name);
    NodeLeaf *leaf = APPEND(group->leaves, group->n_leaves);

    leaf->number = number(f, take_needed(f, &rest));
    leaf->populated = choice(f, take_needed(f, &rest), words);
    char *word = take(&rest), *recipe = word ? option(word, "recipe") : NULL;
    if (recipe && wanted)
        leaf->recipe = wanted->workload->recipe + choice(f, recipe, recipes);
    if (leaf->populated && wanted && f->decision.wishes[wanted->index] == WISH_START)
        f->decision.wishes[wanted->index] = WISH_KEEP;
}

static void read_session(Fixture *f, char *rest) {
    static const char *const words[] = { "ended", "populated", NULL };
    NodeGroup *group = needed_group(f, take_needed(f, &rest));
    NodeLeaf *leaf = APPEND(group->sessions, group->n_sessions);

    leaf->number = number(f, take_needed(f, &rest));
    leaf->populated = choice(f, take_needed(f, &rest), words);
}

static void read_wish(Fixture *f, char *rest) {
    static const char *const words[] = { [WISH_ABSENT] = "absent", [WISH_KEEP] = "keep", [WISH_START] = "start", NULL };
    const Group *group = policy_group(f->policy, take_needed(f, &rest));

    if (!group || !group->workload)
        fail(f, "the policy has no such workload");
    f->decision.wishes[group->index] = choice(f, take_needed(f, &rest), words);
}

static void read_retry(Fixture *f, char *rest) {
    const Group *group = policy_group(f->policy, take_needed(f, &rest));

    if (!group || parse_usec(take_needed(f, &rest), &f->decision.retries_usec[group->index]) < 0)
        fail(f, "no such workload, or no time");
    f->decision.wishes[group->index] = WISH_ABSENT;
}

static void read_only(Fixture *f, char *rest) {
    f->only = copy(take_needed(f, &rest));
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

static void read_line(Fixture *f, char *line) {
    static const struct {
        const char *verb;
        void (*read)(Fixture *f, char *rest);
    } readers[] = {
        { "tree", read_tree },
        { "device", read_device },
        { "network", read_network },
        { "firewall", read_firewall },
        { "slice", read_slice },
        { "workload", read_workload },
        { "set", read_set },
        { "numbers", read_numbers },
        { "filter", read_filter },
        { "leaf", read_leaf },
        { "session", read_session },
        { "wish", read_wish },
        { "retry", read_retry },
        { "only", read_only },
    };

    line[strcspn(line, "#")] = '\0';
    const char *verb = take(&line);
    for (size_t i = 0; verb && i < ELEMENTSOF(readers); i++)
        if (strcmp(readers[i].verb, verb) == 0) {
            readers[i].read(f, line);
            return;
        }
    if (verb)
        fail(f, "what is '%s'?", verb);
}

static void wish_by_policy(Fixture *f) {
    f->decision = (Decision){ .n_groups = f->policy->n_groups, .wake_usec = UINT64_MAX };
    f->decision.wishes = check_memory(calloc(f->policy->n_groups + 1, sizeof(Wish)));
    f->decision.retries_usec = check_memory(calloc(f->policy->n_groups + 1, sizeof *f->decision.retries_usec));
    for (size_t i = 0; i < f->policy->n_groups; i++) {
        const Workload *workload = f->policy->groups[i]->workload;

        f->decision.wishes[i] = workload && workload->life.running ? WISH_START : WISH_ABSENT;
    }
}

static void read_node(Fixture *f) {
    _cleanup_(cleanup_free) char *text = NULL;
    char path[4096];
    size_t length;

    f->node.controllers_available = controller_mask("cpu cpuset io memory pids");
    f->node.controllers_enabled = controller_mask("cpu io memory pids");
    f->node.firewall_seen = true;
    snprintf(path, sizeof path, "%s/node", f->directory);
    int r = file_read_all_at(AT_FDCWD, path, NODE_FILE_BYTES_MAX, &text, &length);
    if (r < 0)
        errx(EXIT_FAILURE, "%s: %s", path, strerror(-r));
    for (char *cursor = text, *line; (line = strsep(&cursor, "\n"));) {
        f->line++;
        read_line(f, line);
    }
}

static void load_policy(Fixture *f) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    char path[4096];

    snprintf(path, sizeof path, "%s/policy.ini", f->directory);
    const PolicyPaths paths = { .files = (char *[]){ path, NULL } };
    int r = policy_load(&paths, &facts, &diagnostics, &f->policy);
    for (size_t i = 0; i < diagnostics.n_lines; i++)
        warnx("%s", diagnostics.lines[i]);
    if (r < 0)
        errx(EXIT_FAILURE, "%s: %s", path, strerror(-r));
}

static char *plan_of(const char *directory) {
    Fixture f = { .directory = directory };
    _cleanup_(cleanup_plan_free) Plan *plan = NULL;
    char *text;
    size_t size;

    load_policy(&f);
    wish_by_policy(&f);
    read_node(&f);
    int r = plan_build(f.policy, &f.decision, &f.node, f.only, &plan);
    if (r < 0)
        errx(EXIT_FAILURE, "%s: %s", directory, strerror(-r));

    FILE *out = check_memory(open_memstream(&text, &size));
    plan_print(plan, out);
    fclose(out);
    free(f.decision.wishes);
    free(f.decision.retries_usec);
    free(f.only);
    node_done(&f.node);
    policy_unref(f.policy);
    return text;
}

int main(int argc, char *argv[]) {
    return golden_main(argc, argv, plan_of);
}
