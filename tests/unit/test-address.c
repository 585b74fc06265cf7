/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "model/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tests/unit/check.h"

static Address address_of(const char *text) {
    Address address = {};

    CHECK_EQ(address_parse(text, &address), 0);
    return address;
}

static Subnet subnet_of(const char *text) {
    Subnet subnet = {};

    CHECK_EQ(address_parse_prefix(text, &subnet), 0);
    return subnet;
}

static void test_parse(void) {
    static const char *const bad[] = { "", "10", "10.77.0", "10.77.0.1.1", "10.77.0.256", " 10.77.0.1", "10.77.0.1 ",
        "010.77.0.1", "fd00:", "fd00::1::2", "fd00::g", "fd00::1%eth0", "::fffff" };
    static const char *const good[] = { "10.77.0.1", "255.255.255.255", "fd00::1", "::", "fd00:1:2:3:4:5:6:7" };
    Address address = { .family = AF_UNIX };
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        CHECK_EQ(address_parse(bad[i], &address), -EINVAL);
    CHECK_EQ(address.family, AF_UNIX);
    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        address = address_of(good[i]);
        CHECK_STREQ(address_format(&address, text, sizeof(text)), good[i]);
    }
}

static void test_parse_prefix(void) {
    static const struct {
        const char *text;
        int result;
    } bad[] = {
        { "10.0.0.1", -EINVAL },
        { "10.0.0.1/", -EINVAL },
        { "10.0.0.1/33", -ERANGE },
        { "fd00::1/129", -ERANGE },
        { "10.0.0/8", -EINVAL },
        { "/24", -EINVAL },
        { "10.0.0.1/2 4", -EINVAL },
        { "10.0.0.1/-1", -EINVAL },
        { "10.0.0.1/24/24", -EINVAL },
        { "10.0.0.1/255.0.0.0", -EINVAL },
        { "1000000000000000000000000000000000000000000000000000000000000/24", -EINVAL },
    };
    static const char *const good[] = { "10.77.0.1/24", "0.0.0.0/0", "255.255.255.255/32", "fd00::1/64", "::/0",
        "1111:2222:3333:4444:5555:6666:7777:8888/128" };
    Subnet subnet = { .prefix_length = 7 };
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < ELEMENTSOF(bad); i++)
        CHECK_EQ(address_parse_prefix(bad[i].text, &subnet), bad[i].result);
    CHECK_EQ(subnet.prefix_length, 7);
    for (size_t i = 0; i < ELEMENTSOF(good); i++) {
        subnet = subnet_of(good[i]);
        CHECK_STREQ(subnet_format(&subnet, text, sizeof(text)), good[i]);
    }
}

static bool contains(const char *subnet_text, const char *address_text) {
    Subnet subnet = subnet_of(subnet_text);
    Address address = address_of(address_text);

    return subnet_contains(&subnet, &address);
}

static bool overlap(const char *one, const char *other) {
    Subnet a = subnet_of(one), b = subnet_of(other);

    CHECK_EQ(subnets_overlap(&a, &b), subnets_overlap(&b, &a));
    return subnets_overlap(&a, &b);
}

static void test_subnets(void) {
    Subnet none = {}, some = subnet_of("0.0.0.0/0");

    CHECK(contains("10.0.0.1/24", "10.0.0.255"));
    CHECK(!contains("10.0.0.1/24", "10.0.1.0"));
    CHECK(contains("10.0.0.1/0", "192.168.0.1"));
    CHECK(contains("fd00::1/64", "fd00::ffff:0:0:1"));
    CHECK(!contains("fd00::1/64", "fd00:0:0:1::1"));
    CHECK(!contains("::/0", "10.0.0.1"));
    CHECK(overlap("10.0.0.1/24", "10.0.200.1/16"));
    CHECK(!overlap("10.0.0.1/24", "10.0.1.1/24"));
    CHECK(overlap("fd00::1/64", "fd00::2/126"));
    CHECK(!overlap("fd00::1/64", "10.0.0.1/8"));
    CHECK(!subnets_overlap(&none, &some));
}

static const char *problem(const char *subnet_text, const char *address_text) {
    Subnet subnet = subnet_of(subnet_text);
    Address address = address_of(address_text);

    return subnet_problem(&subnet, &address);
}

static void test_problems(void) {
    CHECK(!problem("10.0.0.1/24", "10.0.0.2"));
    CHECK_STREQ(problem("10.0.0.1/24", "10.0.0.1"), "is the gateway of");
    CHECK_STREQ(problem("10.0.0.1/24", "10.0.0.0"), "is the network address of");
    CHECK_STREQ(problem("10.0.0.1/24", "10.0.0.255"), "is the broadcast address of");
    CHECK_STREQ(problem("fd00::1/64", "fd00::"), "is the anycast address of");
    CHECK(!problem("fd00::1/64", "fd00::ffff:ffff:ffff:ffff"));
}

static void check_host(const char *subnet_text, uint64_t number, const char *expected) {
    Subnet subnet = subnet_of(subnet_text);
    Address address = subnet_host(&subnet, number);
    char text[ADDRESS_TEXT_MAX];

    CHECK_STREQ(address_format(&address, text, sizeof(text)), expected);
}

static void test_hosts(void) {
    Subnet small = subnet_of("10.0.0.1/30"), large = subnet_of("fd00::1/64");

    CHECK_EQ(subnet_last_host(&small), 3);
    CHECK_EQ(subnet_last_host(&large), (UINT64_C(1) << 62) - 1);
    check_host("10.0.0.9/24", 7, "10.0.0.7");
    check_host("10.0.0.9/8", 0x010203, "10.1.2.3");
    check_host("fd00::9/64", 0x10002, "fd00::1:2");
}

int main(void) {
    test_parse();
    test_parse_prefix();
    test_subnets();
    test_problems();
    test_hosts();
    return EXIT_SUCCESS;
}
