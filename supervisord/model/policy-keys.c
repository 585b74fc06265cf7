/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Keys: a row names the function that reads its value. An empty value is read as the row's default, so that what a key
 * is when it is not given is said once, in the row.
 */

#include "model/policy-keys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>

#include "base/parse.h"
#include "model/run.h"
#include "model/words.h"

enum {
    USER_NAME_MAX = 255, /* bytes; LOGIN_NAME_MAX - 1 */
    PREFIX_LENGTH_MIN = 8,
    PREFIX_LENGTH_MAX = 30, /* the smallest subnet with an address beside the gateway's */
};

#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)

#define IN(kind) (1u << (kind))
#define IN_GROUPS (IN(SECTION_SLICE) | IN(SECTION_WORKLOAD))
#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

typedef struct Key Key;
struct Key {
    const char *name;
    unsigned sections; /* IN() of each that it belongs to */
    bool list;
    bool required;
    int (*assign)(const Key *key, Draft *draft, const char *text, const char **ret_problem);
    const char *fallback; /* the value when it is not given; NULL: none */
    const char *expects;
    size_t offset;             /* of the field, for rows whose function serves several */
    uint64_t minimum, maximum; /* of a number or time */
    const char *(*word)(unsigned index);
};

static const char *restart_word(unsigned index) {
    return index < RESTART_POLICIES_COUNT ? restart_policy_name(index) : NULL;
}

static const char *output_word(unsigned index) {
    return index < OUTPUT_KINDS_COUNT ? output_kind_name(index) : NULL;
}

static const char *network_word(unsigned index) {
    return index < NETWORK_MODES_COUNT ? network_mode_name(index) : NULL;
}

static const char *state_word(unsigned index) {
    static const char *const words[] = { "stopped", "running" };

    return index < ELEMENTSOF(words) ? words[index] : NULL;
}

/* Which of the row's words the text is, as far as a colon; ret_rest: what follows the colon, NULL if there is none. */
static int take_word(const Key *key, const char *text, unsigned *ret_index, const char **ret_rest) {
    const char *colon = strchrnul(text, ':'), *word;

    for (unsigned i = 0; (word = key->word(i)); i++)
        if (strlen(word) == (size_t) (colon - text) && memcmp(word, text, colon - text) == 0) {
            *ret_index = i;
            *ret_rest = *colon ? colon + 1 : NULL;
            return 0;
        }
    return -EINVAL;
}

static int take_lone_word(const Key *key, const char *text, unsigned *ret_index) {
    const char *rest;
    unsigned index;

    int r = take_word(key, text, &index, &rest);
    if (r < 0)
        return r;
    if (rest)
        return -EINVAL;
    *ret_index = index;
    return 0;
}

static void *field(const Key *key, const Draft *draft) {
    return (char *) draft->object + key->offset;
}

/* NULL frees. */
static int replace(char **text, const char *with) {
    char *copy = with ? strdup(with) : NULL;

    if (with && !copy)
        return -ENOMEM;
    free(*text);
    *text = copy;
    return 0;
}

static bool is_path(const char *text) {
    return *text == '/' && strlen(text) < PATH_MAX;
}

/* As uid or name, in the strict form of systemd's User=. Whether there is such a user, only the start can say. */
static bool is_user(const char *text) {
    uint64_t uid;

    if (parse_u64(text, &uid) >= 0)
        return uid < UINT32_MAX && uid != UINT16_MAX;
    size_t length = strspn(text, LETTERS_AND_DIGITS "_.-");
    return length > 0 && length <= USER_NAME_MAX && !text[length] && !strchr("-.", *text);
}

static bool is_interface(const char *text) {
    size_t length = strspn(text, LETTERS_AND_DIGITS "_.-");

    return length > 0 && length < IFNAMSIZ && !text[length] && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static int assign_number(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    uint64_t number;

    int r = parse_u64(text, &number);
    if (r < 0)
        return r;
    if (number < key->minimum || number > key->maximum)
        return -ERANGE;
    *(uint64_t *) field(key, draft) = number;
    return 0;
}

static int assign_time(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    uint64_t usec;

    int r = parse_usec(text, &usec);
    if (r < 0)
        return r;
    if (usec < key->minimum || usec > key->maximum)
        return -ERANGE;
    *(uint64_t *) field(key, draft) = usec;
    return 0;
}

static int assign_slice(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return replace(&draft->slice_name, *text ? text : NULL);
}

static int assign_command(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    char **arguments = NULL;

    int r = *text ? words_parse_command(text, &arguments, ret_problem) : 0;
    if (r < 0)
        return r;
    strv_free(workload->arguments);
    workload->arguments = arguments;
    return 0;
}

static int assign_environment(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;

    if (!*text)
        workload->environment = strv_free(workload->environment);
    return words_parse_environment(text, &workload->environment, ret_problem);
}

/* A text that systemd would look through for specifiers; "" is NULL. */
static int assign_text(char **target, const char *text, bool (*is_valid)(const char *text), const char **ret_problem) {
    _cleanup_(cleanup_free) char *copy = strdup(text);

    if (!copy)
        return -ENOMEM;
    int r = word_resolve_specifiers(copy, ret_problem);
    if (r < 0)
        return r;
    if (*copy && !is_valid(copy))
        return -EINVAL;
    return replace(target, *copy ? copy : NULL);
}

static int assign_user(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return assign_text(field(key, draft), text, is_user, ret_problem);
}

static int assign_path(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    return assign_text(field(key, draft), text, is_path, ret_problem);
}

static int assign_interface(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    if (*text && !is_interface(text))
        return -EINVAL;
    return replace(field(key, draft), *text ? text : NULL);
}

static int assign_restart(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    unsigned index;

    int r = take_lone_word(key, text, &index);
    if (r < 0)
        return r;
    workload->restart = index;
    return 0;
}

static int assign_state(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    unsigned index;

    int r = take_lone_word(key, text, &index);
    if (r < 0)
        return r;
    workload->running = index > 0;
    return 0;
}

/* "journal", "append:/var/log/web.log" */
static int assign_output(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    const char *path;
    unsigned kind;

    int r = take_word(key, text, &kind, &path);
    if (r < 0)
        return r;
    bool wants_path = kind == OUTPUT_FILE || kind == OUTPUT_APPEND;
    if (wants_path ? !path || !*path : path != NULL)
        return -EINVAL;
    r = assign_text(&workload->output_path, path ? path : "", is_path, ret_problem);
    if (r < 0)
        return r;
    workload->output = kind;
    return 0;
}

/* "host", "bridge:lan" */
static int assign_network(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    const char *name;
    unsigned mode;

    int r = take_word(key, text, &mode, &name);
    if (r < 0)
        return r;
    if (mode == NETWORK_BRIDGE ? !name || !*name : name != NULL)
        return -EINVAL;
    r = replace(&draft->network_name, name);
    if (r < 0)
        return r;
    workload->network_mode = mode;
    return 0;
}

/* "10.77.0.2", "10.77.0.2/24" */
static int assign_address(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Workload *workload = draft->object;
    uint32_t address = 0;
    unsigned length = 0;
    int r = 0;

    if (strchr(text, '/')) {
        r = parse_ipv4_prefix(text, &address, &length);
        if (r >= 0 && length == 0)
            r = -ERANGE;
    } else if (*text)
        r = parse_ipv4(text, &address);
    if (r < 0)
        return r;
    if (*text && address == 0)
        return -EINVAL;
    workload->address = address;
    draft->address_length = length;
    return 0;
}

/* "10.77.0.1/24" */
static int assign_subnet(const Key *key, Draft *draft, const char *text, const char **ret_problem) {
    Network *network = draft->object;
    uint32_t gateway = 0;
    unsigned length = 0;

    if (*text) {
        int r = parse_ipv4_prefix(text, &gateway, &length);
        if (r < 0)
            return r;
        if (length < PREFIX_LENGTH_MIN || length > PREFIX_LENGTH_MAX)
            return -ERANGE;
        uint32_t host_mask = UINT32_MAX >> length, host = ntohl(gateway) & host_mask;
        if (host == 0 || host == host_mask) {
            *ret_problem =
                    "expected the gateway's address with the prefix length, not the address of the network itself "
                    "or of its broadcast";
            return -EINVAL;
        }
    }
    network->gateway = gateway;
    network->prefix_length = length;
    return 0;
}

static const Key keys[KEY_LIMITS] = {
    [KEY_SAMPLE_INTERVAL] = {
        .name = "SampleIntervalSec",
        .sections = IN(SECTION_SUPERVISORD),
        .assign = assign_time,
        .fallback = "1s",
        .expects = "a time from 100ms to 1h",
        .offset = offsetof(Settings, sample_interval_usec),
        .minimum = 100 * USEC_PER_MSEC,
        .maximum = USEC_PER_HOUR,
    },
    [KEY_WORKLOADS_MAX] = {
        .name = "WorkloadsMax",
        .sections = IN(SECTION_SUPERVISORD),
        .assign = assign_number,
        .fallback = "1024",
        .expects = "a number from 1 to 4096",
        .offset = offsetof(Settings, workloads_max),
        .minimum = 1,
        .maximum = GROUPS_MAX,
    },
    [KEY_SLICE] = {
        .name = "Slice",
        .sections = IN_GROUPS,
        .assign = assign_slice,
        .expects = "the name of a slice",
    },
    [KEY_EXEC_START] = {
        .name = "ExecStart",
        .sections = IN(SECTION_WORKLOAD),
        .required = true,
        .assign = assign_command,
        .expects = "the absolute path of a program and its arguments",
    },
    [KEY_USER] = {
        .name = "User",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_user,
        .expects = "the name or number of a user",
        .offset = offsetof(Workload, user),
    },
    [KEY_WORKING_DIRECTORY] = {
        .name = "WorkingDirectory",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_path,
        .expects = "an absolute path",
        .offset = offsetof(Workload, working_directory),
    },
    [KEY_ENVIRONMENT] = {
        .name = "Environment",
        .sections = IN(SECTION_WORKLOAD),
        .list = true,
        .assign = assign_environment,
        .expects = "words of the form NAME=VALUE",
    },
    [KEY_RESTART] = {
        .name = "Restart",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_restart,
        .fallback = "no",
        .expects = "no, on-failure or always",
        .word = restart_word,
    },
    [KEY_RESTART_DELAY] = {
        .name = "RestartSec",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_time,
        .fallback = "100ms",
        .expects = "a time from 1ms to 1min",
        .offset = offsetof(Workload, restart_usec),
        .minimum = USEC_PER_MSEC,
        .maximum = RESTART_USEC_MAX,
    },
    [KEY_STOP_TIMEOUT] = {
        .name = "TimeoutStopSec",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_time,
        .fallback = "10s",
        .expects = "a time from 1ms to 1h",
        .offset = offsetof(Workload, stop_timeout_usec),
        .minimum = USEC_PER_MSEC,
        .maximum = USEC_PER_HOUR,
    },
    [KEY_STANDARD_OUTPUT] = {
        .name = "StandardOutput",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_output,
        .fallback = "journal",
        .expects = "journal, null, file:/path or append:/path",
        .word = output_word,
    },
    [KEY_NETWORK] = {
        .name = "Network",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_network,
        .fallback = "host",
        .expects = "host, private or bridge:NAME",
        .word = network_word,
    },
    [KEY_ADDRESS] = {
        .name = "Address",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_address,
        .expects = "an IPv4 address like 10.77.0.2",
    },
    [KEY_STATE] = {
        .name = "State",
        .sections = IN(SECTION_WORKLOAD),
        .assign = assign_state,
        .fallback = "running",
        .expects = "running or stopped",
        .word = state_word,
    },
    [KEY_BRIDGE] = {
        .name = "Bridge",
        .sections = IN(SECTION_NETWORK),
        .required = true,
        .assign = assign_interface,
        .expects = "the name of a network interface, of at most 15 letters, digits and _ . -",
        .offset = offsetof(Network, bridge),
    },
    [KEY_SUBNET] = {
        .name = "Subnet",
        .sections = IN(SECTION_NETWORK),
        .required = true,
        .assign = assign_subnet,
        .expects = "the gateway's IPv4 address with a prefix length from 8 to 30, like 10.77.0.1/24",
    },
};

_Static_assert(GROUPS_MAX == 4096, "what WorkloadsMax= expects says so");
_Static_assert(RESTART_USEC_MAX == USEC_PER_MINUTE, "what RestartSec= expects says so");

/* Only weights are the tree's: they are its share against the rest of the node. What is no cgroup file is the network's. */
static unsigned limit_sections(const Limit *limit) {
    if (!limit->controller)
        return IN(SECTION_WORKLOAD);
    return IN_GROUPS | (limit->reach == LIMIT_REACH_OWN ? IN(SECTION_SUPERVISORD) : 0);
}

int key_by_name(const char *name) {
    for (int i = 0; i < KEYS_COUNT; i++)
        if (strcmp(key_name(i), name) == 0)
            return i;
    return -1;
}

const char *key_name(KeyId key) {
    return key < KEY_LIMITS ? keys[key].name : limits[key - KEY_LIMITS].key;
}

const char *key_expects(KeyId key) {
    return key < KEY_LIMITS ? keys[key].expects : limits[key - KEY_LIMITS].expects;
}

bool key_belongs(KeyId key, SectionKind kind) {
    unsigned sections = key < KEY_LIMITS ? keys[key].sections : limit_sections(&limits[key - KEY_LIMITS]);

    return sections & IN(kind);
}

bool key_is_list(KeyId key) {
    return key < KEY_LIMITS ? keys[key].list : limits[key - KEY_LIMITS].kind == LIMIT_KIND_DEVICES;
}

bool key_is_required(KeyId key) {
    return key < KEY_LIMITS && keys[key].required;
}

const char *key_word(KeyId key, unsigned index) {
    return key < KEY_LIMITS && keys[key].word ? keys[key].word(index) : NULL;
}

int key_assign(KeyId key, Draft *draft, const char *text, const LimitScale *scale, const char **ret_problem) {
    if (key >= KEY_LIMITS) {
        const Limit *limit = &limits[key - KEY_LIMITS];

        return limit_value_parse(limit, text, scale, &draft->limits[limit->id]);
    }
    if (!*text && keys[key].fallback)
        text = keys[key].fallback;
    return keys[key].assign(&keys[key], draft, text, ret_problem);
}

int draft_assign_defaults(Draft *draft) {
    for (KeyId key = 0; key < KEY_LIMITS; key++) {
        const char *problem = NULL;

        if (!keys[key].fallback || !key_belongs(key, draft->kind))
            continue;
        int r = key_assign(key, draft, "", NULL, &problem);
        if (r < 0)
            return r;
    }
    return 0;
}

Draft *draft_free(Draft *draft) {
    if (!draft)
        return NULL;
    free(draft->title);
    free(draft->slice_name);
    free(draft->network_name);
    free(draft);
    return NULL;
}
