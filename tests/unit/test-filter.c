/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Filters: what is accepted, how it is shown, and to which rules it comes. */

#include "model/filter.h"

#include <errno.h>

#include "base/cleanup.h"
#include "unit/check.h"

enum {
    SHOWN_MAX = 1024,
    LIST_MAX = 4,
};

typedef struct Assignment {
    const char *key, *text;
} Assignment;

static int assign(Filters *filters, const char *key, const char *text) {
    const char *problem = NULL;

    if (strcmp(key, "DeviceAllow") == 0)
        return filters_allow_device(filters, text, &problem);
    if (strncmp(key, "IPAddress", 9) == 0)
        return filters_add_addresses(filters, strcmp(key, "IPAddressAllow") == 0, text, &problem);
    return filters_add_bind(filters, strcmp(key, "SocketBindAllow") == 0, text, &problem);
}

static FilterId filter_of(const char *key) {
    return strncmp(key, "Device", 6) == 0 ? FILTER_DEVICES
           : strncmp(key, "IP", 2) == 0   ? FILTER_ADDRESSES
                                          : FILTER_BINDS;
}

static const struct {
    Assignment given;
    int result;
    const char *shown;
} texts[] = {
    { { "DeviceAllow", "/dev/kvm rw" }, 0, "closed, /dev/kvm rw" },
    { { "DeviceAllow", "/dev/kvm" }, 0, "closed, /dev/kvm rwm" },
    { { "DeviceAllow", "/dev/kvm \t mr" }, 0, "closed, /dev/kvm rm" },
    { { "DeviceAllow", "/dev/a%b r" }, 0, "closed, /dev/a%b r" },
    { { "DeviceAllow", "char-pts rw" }, 0, "closed, char-pts rw" },
    { { "DeviceAllow", "block-* r" }, 0, "closed, block-* r" },
    { { "DeviceAllow", "" }, 0, "" },
    { { "DeviceAllow", "/dev/kvm x" }, -EINVAL, NULL },
    { { "DeviceAllow", "/dev/kvm r w" }, -EINVAL, NULL },
    { { "DeviceAllow", "/dev/" }, -EINVAL, NULL },
    { { "DeviceAllow", "char-" }, -EINVAL, NULL },
    { { "DeviceAllow", "/etc/passwd" }, -EINVAL, NULL },
    { { "DeviceAllow", "/dev/../etc/passwd" }, -EINVAL, NULL },
    { { "DeviceAllow", "kvm" }, -EINVAL, NULL },

    { { "IPAddressDeny", "any" }, 0, "deny 0.0.0.0/0 ::/0" },
    { { "IPAddressAllow", "localhost" }, 0, "allow 127.0.0.0/8 ::1/128" },
    { { "IPAddressAllow", "link-local multicast" }, 0, "allow 169.254.0.0/16 fe80::/64 224.0.0.0/4 ff00::/8" },
    { { "IPAddressAllow", "10.1.2.3/8 10.1.2.3" }, 0, "allow 10.0.0.0/8 10.1.2.3/32" },
    { { "IPAddressDeny", " 2001:db8::1/32  ::1 " }, 0, "deny 2001:db8::/32 ::1/128" },
    { { "IPAddressDeny", "10.0.0.0/0" }, 0, "deny 0.0.0.0/0" },
    { { "IPAddressDeny", "" }, 0, "" },
    { { "IPAddressDeny", "10.0.0.0/33" }, -EINVAL, NULL },
    { { "IPAddressDeny", "::/129" }, -EINVAL, NULL },
    { { "IPAddressDeny", "10.0.0" }, -EINVAL, NULL },
    { { "IPAddressDeny", "10.0.0.1/" }, -EINVAL, NULL },
    { { "IPAddressDeny", "/8" }, -EINVAL, NULL },
    { { "IPAddressDeny", "everybody" }, -EINVAL, NULL },
    { { "IPAddressDeny", "10.0.0.1,10.0.0.2" }, -EINVAL, NULL },
    { { "IPAddressDeny", "2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001/128" }, -EINVAL, NULL },

    { { "SocketBindAllow", "any" }, 0, "allow any" },
    { { "SocketBindAllow", "80" }, 0, "allow 80" },
    { { "SocketBindDeny", "1024-65535" }, 0, "deny 1024-65535" },
    { { "SocketBindDeny", "7-7" }, 0, "deny 7" },
    { { "SocketBindAllow", "ipv4:tcp:80" }, 0, "allow ipv4:tcp:80" },
    { { "SocketBindAllow", "ipv6:10000-65535" }, 0, "allow ipv6:10000-65535" },
    { { "SocketBindAllow", "udp:any" }, 0, "allow udp:any" },
    { { "SocketBindAllow", "ipv6" }, 0, "allow ipv6:any" },
    { { "SocketBindAllow", "tcp" }, 0, "allow tcp:any" },
    { { "SocketBindAllow", "ipv4:udp" }, 0, "allow ipv4:udp:any" },
    { { "SocketBindAllow", "" }, 0, "" },
    { { "SocketBindAllow", "tcp:ipv4:80" }, -EINVAL, NULL },
    { { "SocketBindAllow", "ipv4:ipv6:80" }, -EINVAL, NULL },
    { { "SocketBindAllow", "sctp:80" }, -EINVAL, NULL },
    { { "SocketBindAllow", "tcp:" }, -EINVAL, NULL },
    { { "SocketBindAllow", "0" }, -ERANGE, NULL },
    { { "SocketBindAllow", "65536" }, -ERANGE, NULL },
    { { "SocketBindAllow", "20-10" }, -ERANGE, NULL },
    { { "SocketBindAllow", "10-" }, -EINVAL, NULL },
    { { "SocketBindAllow", "80 81" }, -EINVAL, NULL },
};

static void test_texts(void) {
    char shown[SHOWN_MAX];

    for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
        Filters filters = {};
        int r = assign(&filters, texts[i].given.key, texts[i].given.text);

        if (r != texts[i].result)
            CHECK_FAIL("%s=%s: %d", texts[i].given.key, texts[i].given.text, r);
        if (r == 0)
            CHECK_STREQ(filters_show(&filters, filter_of(texts[i].given.key), shown, sizeof shown), texts[i].shown);
        filters_done(&filters);
    }
}

/* Several assignments in a row, as in a section. */
static const struct {
    Assignment given[LIST_MAX];
    const char *shown;
} lists[] = {
    { { { "DeviceAllow", "/dev/kvm r" }, { "DeviceAllow", "/dev/kvm w" } }, "closed, /dev/kvm rw" },
    { { { "DeviceAllow", "/dev/kvm r" }, { "DeviceAllow", "" }, { "DeviceAllow", "/dev/fuse" } },
            "closed, /dev/fuse rwm" },
    { { { "IPAddressDeny", "any" }, { "IPAddressAllow", "10.0.0.1" } }, "allow 10.0.0.1/32, deny 0.0.0.0/0 ::/0" },
    { { { "IPAddressDeny", "any" }, { "IPAddressAllow", "::1" }, { "IPAddressDeny", "" } }, "allow ::1/128" },
    { { { "SocketBindDeny", "any" }, { "SocketBindAllow", "80" }, { "SocketBindAllow", "81" } },
            "allow 80 81, deny any" },
    { { { "SocketBindDeny", "any" }, { "SocketBindAllow", "80" }, { "SocketBindAllow", "" } }, "deny any" },
};

static void test_lists(void) {
    char shown[SHOWN_MAX];

    for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
        Filters filters = {};

        for (size_t j = 0; j < LIST_MAX && lists[i].given[j].key; j++)
            CHECK_EQ(assign(&filters, lists[i].given[j].key, lists[i].given[j].text), 0);
        CHECK_STREQ(filters_show(&filters, filter_of(lists[i].given[0].key), shown, sizeof shown), lists[i].shown);
        filters_done(&filters);
    }
}

/* The last answer of the longest prefix, as the kernel finds it. */
static bool allows(const FilterRules *rules, const char *address) {
    Filters asked = {};
    const struct address_rule *best = NULL;
    const char *problem;

    CHECK_EQ(filters_add_addresses(&asked, true, address, &problem), 0);
    for (size_t i = 0; i < rules->n; i++) {
        const struct address_rule *rule = rules->addresses + i;
        bool inside = rule->ipv6 == asked.addresses->ipv6;

        for (unsigned bit = 0; bit < rule->length; bit++)
            inside = inside && !((rule->address[bit / 8] ^ asked.addresses->address[bit / 8]) & 0x80 >> bit % 8);
        if (inside && (!best || rule->length > best->length))
            best = rule;
    }
    filters_done(&asked);
    return !best || best->allow;
}

static const struct {
    const char *allow, *deny;
    size_t n_rules;
    const char *allowed[LIST_MAX], *denied[LIST_MAX];
} address_cases[] = {
    { "", "any", 2, { NULL }, { "1.2.3.4", "::1" } },
    { "localhost", "any", 4, { "127.0.0.1", "::1" }, { "10.0.0.1", "fe80::1" } },
    { "10.0.0.0/8", "10.1.0.0/16", 0, { "10.1.0.1", "11.0.0.1" }, { NULL } },
    { "10.1.0.0/16", "10.0.0.0/8", 2, { "10.1.2.3", "11.0.0.1", "::1" }, { "10.2.0.1" } },
    { "10.1.0.0/16 10.1.1.0/24", "10.0.0.0/8 10.1.1.0/25 10.2.0.0/16", 2, { "10.1.1.1" }, { "10.2.0.1" } },
    { "10.0.0.0/8", "10.0.0.0/8", 0, { "10.0.0.1" }, { NULL } },
    { "any", "10.0.0.0/8 ::/0", 0, { "10.0.0.1", "::1" }, { NULL } },
    { "", "10.0.0.0/9 10.128.0.0/9", 2, { "11.0.0.1" }, { "10.0.0.1", "10.200.0.1" } },
    { "192.168.1.0/24", "", 0, { "10.0.0.1", "192.168.1.1" }, { NULL } },
    { "::ffff:0:0/96", "::/0", 2, { "::ffff:1.2.3.4" }, { "::1" } },
    { "128.0.0.0/1", "0.0.0.0/0", 2, { "200.0.0.1" }, { "100.0.0.1" } },
};

static void test_addresses(void) {
    for (size_t i = 0; i < ELEMENTSOF(address_cases); i++) {
        Filters above = {}, own = {};
        const Filters *chain[] = { &own, &above };
        FilterRules rules;

        CHECK_EQ(assign(&own, "IPAddressAllow", address_cases[i].allow), 0);
        CHECK_EQ(assign(&above, "IPAddressDeny", address_cases[i].deny), 0);
        CHECK_EQ(filter_rules_of_addresses(chain, ELEMENTSOF(chain), &rules), 0);
        CHECK_EQ(rules.n, address_cases[i].n_rules);
        CHECK_EQ(*rules.text != '\0', rules.n > 0);
        for (size_t j = 0; j < LIST_MAX && address_cases[i].allowed[j]; j++)
            if (!allows(&rules, address_cases[i].allowed[j]))
                CHECK_FAIL("case %zu: %s is denied", i, address_cases[i].allowed[j]);
        for (size_t j = 0; j < LIST_MAX && address_cases[i].denied[j]; j++)
            if (allows(&rules, address_cases[i].denied[j]))
                CHECK_FAIL("case %zu: %s is allowed", i, address_cases[i].denied[j]);
        filter_rules_done(&rules);
        filters_done(&above);
        filters_done(&own);
    }
}

/* The text is the same for what means the same, and another for what does not. */
static void test_text_of_addresses(void) {
    static const char *const same[] = { "10.0.0.0/8 ::1", "::1 10.2.3.4/8 10.9.0.0/16" };
    FilterRules rules[ELEMENTSOF(same)], other;
    Filters filters = {};
    const Filters *chain[] = { &filters };

    for (size_t i = 0; i < ELEMENTSOF(same); i++) {
        CHECK_EQ(assign(&filters, "IPAddressDeny", ""), 0);
        CHECK_EQ(assign(&filters, "IPAddressDeny", same[i]), 0);
        CHECK_EQ(filter_rules_of_addresses(chain, 1, &rules[i]), 0);
    }
    CHECK_STREQ(rules[0].text, rules[1].text);
    CHECK(strncmp(rules[0].text, "2 rules, ", 9) == 0);
    CHECK_EQ(assign(&filters, "IPAddressDeny", "::2"), 0);
    CHECK_EQ(filter_rules_of_addresses(chain, 1, &other), 0);
    CHECK(strcmp(rules[0].text, other.text) != 0);
    for (size_t i = 0; i < ELEMENTSOF(same); i++)
        filter_rules_done(&rules[i]);
    filter_rules_done(&other);
    filters_done(&filters);
}

static void test_devices(void) {
    struct device_rule disks[] = { { DEVICE_BLOCK, 65, DEVICE_NUMBER_ANY, 0 },
        { DEVICE_BLOCK, 8, DEVICE_NUMBER_ANY, 0 } };
    struct device_rule disk = { DEVICE_BLOCK, 8, 0, 0 };
    const DeviceNumbers numbers[] = { { (char *) "block-sd", disks, 2, 2 }, { (char *) "/dev/sda", &disk, 1, 1 },
        { (char *) "/dev/disk/by-id/a", &disk, 1, 1 } };
    Filters filters = {};
    FilterRules rules;

    CHECK_EQ(filter_rules_of_devices(&filters, numbers, ELEMENTSOF(numbers), &rules), 0);
    CHECK_STREQ(rules.text, "");
    filters.device_policy = DEVICE_POLICY_CLOSED;
    CHECK_EQ(filter_rules_of_devices(&filters, numbers, ELEMENTSOF(numbers), &rules), 0);
    CHECK_EQ(rules.n, 8);
    filter_rules_done(&rules);

    filters.device_policy = DEVICE_POLICY_STRICT;
    CHECK_EQ(filter_rules_of_devices(&filters, numbers, ELEMENTSOF(numbers), &rules), 0);
    CHECK_EQ(rules.n, 0);
    CHECK(*rules.text);
    filter_rules_done(&rules);

    CHECK_EQ(assign(&filters, "DeviceAllow", "/dev/sda r"), 0);
    CHECK_EQ(assign(&filters, "DeviceAllow", "/dev/disk/by-id/a w"), 0);
    CHECK_EQ(assign(&filters, "DeviceAllow", "block-sd r"), 0);
    CHECK_EQ(assign(&filters, "DeviceAllow", "/dev/not-there"), 0);
    CHECK_EQ(filter_rules_of_devices(&filters, numbers, ELEMENTSOF(numbers), &rules), 0);
    CHECK_EQ(rules.n, 3);
    CHECK_EQ(rules.devices[0].major, 8);
    CHECK_EQ(rules.devices[0].minor, 0);
    CHECK_EQ(rules.devices[0].access, DEVICE_READ | DEVICE_WRITE);
    CHECK_EQ(rules.devices[1].access, DEVICE_READ);
    CHECK_EQ(rules.devices[2].major, 65);
    filter_rules_done(&rules);
    filters_done(&filters);
}

static void test_device_groups(void) {
    static const char text[] = "Character devices:\n  1 mem\n  5 /dev/tty\n136 pts\n226 drm\n\n"
                               "Block devices:\n  8 sd\n 65 sd\n259 blkext\n";
    static const struct {
        const char *specifier;
        int result;
        size_t n;
        struct device_rule first;
    } cases[] = {
        { "char-pts", 0, 1, { DEVICE_CHAR, 136, DEVICE_NUMBER_ANY, 0 } },
        { "block-sd", 0, 2, { DEVICE_BLOCK, 8, DEVICE_NUMBER_ANY, 0 } },
        { "block-*ext", 0, 1, { DEVICE_BLOCK, 259, DEVICE_NUMBER_ANY, 0 } },
        { "char-/dev/tty", 0, 1, { DEVICE_CHAR, 5, DEVICE_NUMBER_ANY, 0 } },
        { "char-*", 0, 1, { DEVICE_CHAR, DEVICE_NUMBER_ANY, DEVICE_NUMBER_ANY, 0 } },
        { "char-sd", 0, 0, {} },
        { "block-none", 0, 0, {} },
        { "/dev/kvm", -EINVAL, 0, {} },
    };

    for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
        DeviceNumbers numbers = { .specifier = strdup(cases[i].specifier) };

        CHECK_EQ(device_numbers_of_groups(&numbers, text), cases[i].result);
        CHECK_EQ(numbers.n_rules, cases[i].n);
        CHECK(numbers.n_rules == 0 || memcmp(numbers.rules, &cases[i].first, sizeof *numbers.rules) == 0);
        device_numbers_done(&numbers);
    }
}

static void test_binds(void) {
    Filters filters = {};
    FilterRules rules;

    CHECK_EQ(assign(&filters, "SocketBindAllow", "80"), 0);
    CHECK_EQ(filter_rules_of_binds(&filters, &rules), 0);
    CHECK_STREQ(rules.text, "");
    CHECK_EQ(assign(&filters, "SocketBindDeny", "any"), 0);
    CHECK_EQ(assign(&filters, "SocketBindAllow", "80"), 0);
    CHECK_EQ(assign(&filters, "SocketBindAllow", "tcp:udp:80"), -EINVAL);
    CHECK_EQ(assign(&filters, "SocketBindAllow", "tcp:443"), 0);
    CHECK_EQ(filter_rules_of_binds(&filters, &rules), 0);
    CHECK_EQ(rules.n, 3);
    CHECK(rules.binds[0].allow && rules.binds[1].allow && !rules.binds[2].allow);
    filter_rules_done(&rules);
    filters_done(&filters);
}

static void test_too_many(void) {
    Filters filters = {};
    char text[64];

    for (int i = 0; i < FILTER_RULES_MAX; i++) {
        snprintf(text, sizeof text, "/dev/d%d", i);
        CHECK_EQ(assign(&filters, "DeviceAllow", text), 0);
        CHECK_EQ(assign(&filters, "SocketBindDeny", "80"), 0);
    }
    CHECK_EQ(assign(&filters, "DeviceAllow", "/dev/more"), -EINVAL);
    CHECK_EQ(assign(&filters, "SocketBindDeny", "81"), -EINVAL);
    for (int i = 0; i < FILTER_PREFIXES_MAX; i++) {
        snprintf(text, sizeof text, "10.0.%d.%d", i / 256, i % 256);
        CHECK_EQ(assign(&filters, "IPAddressDeny", text), 0);
    }
    CHECK_EQ(assign(&filters, "IPAddressDeny", "::1"), -EINVAL);
    filters_done(&filters);
}

int main(void) {
    test_texts();
    test_lists();
    test_addresses();
    test_text_of_addresses();
    test_devices();
    test_device_groups();
    test_binds();
    test_too_many();
    return EXIT_SUCCESS;
}
