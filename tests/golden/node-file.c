/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Words and lines of the file `node`: each line has a reader. */

#include "node-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"

enum { NODE_FILE_BYTES_MAX = 1024 * 1024 };

#define fail(f, ...) (warnx("%s/node, line %u:", (f)->directory, (f)->line), errx(EXIT_FAILURE, __VA_ARGS__))

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
        else if ((value = option(word, "beside")) && f->node.n_above > 0)
            f->node.above[f->node.share].beside = number(f, value);
        else if (read_share(f, word))
            continue;
        else if (strcmp(word, "freezer") == 0)
            f->node.freezer = FREEZER_RUNS;
        else if (strcmp(word, "freezer-died") == 0)
            f->node.freezer = FREEZER_DIED;
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
        if (knob_is_of_freezer(knob)
                        ? f->node.freezer == FREEZER_ABSENT
                        : !knob->controller || !(controller_mask(knob->controller) & enabled) || !has_file(f, knob))
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

void fixture_read_node(Fixture *f) {
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
    FOREACH_KNOB (knob)
        if (knob_is_of_freezer(knob) &&
                (f->node.freezer != FREEZER_ABSENT || f->policy->settings.scheduler == SCHEDULER_FREEZE))
            f->node.optional_knobs |= UINT64_C(1) << knob->id;
}
