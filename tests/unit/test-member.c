/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Values between layouts: what a newer build finds in the maps of an older one. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel/member.h"
#include "unit/check.h"

struct io {
    uint64_t bytes;
};

struct old {
    int32_t status;
    uint32_t pid;
    uint64_t gone;
    uint64_t histogram[2];
    struct io io[2];
    uint8_t changed[4];
};

struct wide_io {
    uint64_t operations, bytes;
};

struct new {
    uint64_t fresh;
    struct wide_io io[3];
    uint64_t histogram[3];
    uint64_t pid;
    int64_t status;
    uint32_t changed;
};

/* The types that both sides are made of, in an order of ids of their own. */
typedef struct Types {
    struct btf *btf;
    int u8, u32, u64, s32, s64;
} Types;

static Types types(void) {
    Types t = { .btf = btf__new_empty() };

    CHECK(t.btf);
    t.u8 = btf__add_int(t.btf, "u8", 1, 0);
    t.u32 = btf__add_int(t.btf, "u32", 4, 0);
    t.u64 = btf__add_typedef(t.btf, "__u64", btf__add_int(t.btf, "u64", 8, 0));
    t.s32 = btf__add_int(t.btf, "s32", 4, BTF_INT_SIGNED);
    t.s64 = btf__add_int(t.btf, "s64", 8, BTF_INT_SIGNED);
    return t;
}

static int array_of(const Types *t, int type, uint32_t n) {
    return btf__add_array(t->btf, t->u32, type, n);
}

#define FIELD(name, type, in, member) CHECK_EQ(btf__add_field(t.btf, name, type, offsetof(struct in, member) * 8, 0), 0)

static MemberType old_type(void) {
    Types t = types();
    int histogram = array_of(&t, t.u64, 2), changed = array_of(&t, t.u8, 4);
    int io = btf__add_struct(t.btf, "io", sizeof(struct io));
    FIELD("bytes", t.u64, io, bytes);
    int ios = array_of(&t, io, 2), id = btf__add_struct(t.btf, "record", sizeof(struct old));
    FIELD("status", t.s32, old, status);
    FIELD("pid", t.u32, old, pid);
    FIELD("gone", t.u64, old, gone);
    FIELD("histogram", histogram, old, histogram);
    FIELD("io", ios, old, io);
    FIELD("changed", changed, old, changed);
    return (MemberType){ t.btf, (uint32_t) id };
}

static MemberType new_type(void) {
    Types t = types();
    int io = btf__add_struct(t.btf, "io", sizeof(struct wide_io));
    FIELD("operations", t.u64, wide_io, operations);
    FIELD("bytes", t.u64, wide_io, bytes);
    int ios = array_of(&t, io, 3), histogram = array_of(&t, t.u64, 3);
    int id = btf__add_struct(t.btf, "record", sizeof(struct new));
    FIELD("fresh", t.u64, new, fresh);
    FIELD("io", ios, new, io);
    FIELD("histogram", histogram, new, histogram);
    FIELD("pid", t.u64, new, pid);
    FIELD("status", t.s64, new, status);
    FIELD("changed", t.u32, new, changed);
    return (MemberType){ t.btf, (uint32_t) id };
}

static void test_forth(MemberType from, MemberType to) {
    const struct old old = { .status = -2,
        .pid = UINT32_MAX,
        .gone = 9,
        .histogram = { 3, 4 },
        .io = { { 5 }, { UINT64_MAX } },
        .changed = { 1, 1, 1, 1 } };
    struct new found = { .fresh = 77, .histogram = { 0, 0, 78 }, .io = { { .operations = 79 } }, .changed = 80 };

    members_convert(from, &old, to, &found);
    CHECK(found.status == -2);
    CHECK(found.pid == UINT32_MAX);
    CHECK(found.histogram[0] == 3 && found.histogram[1] == 4);
    CHECK(found.io[0].bytes == 5 && found.io[1].bytes == UINT64_MAX);
    /* What the old one does not have, or has as something else. */
    CHECK(found.fresh == 77);
    CHECK(found.histogram[2] == 78);
    CHECK(found.io[0].operations == 79 && found.io[2].bytes == 0);
    CHECK(found.changed == 80);
}

static void test_back(MemberType from, MemberType to) {
    const struct new new = { .fresh = 1, .pid = 4711, .status = -3, .histogram = { 6, 7, 8 } };
    struct old found = { .gone = 81 };

    members_convert(from, &new, to, &found);
    CHECK(found.status == -3 && found.pid == 4711 && found.histogram[1] == 7 && found.gone == 81);
    CHECK(found.io[0].bytes == 0);
}

int main(void) {
    MemberType old = old_type(), new = new_type();

    test_forth(old, new);
    test_back(new, old);
    btf__free((struct btf *) old.btf);
    btf__free((struct btf *) new.btf);
    return EXIT_SUCCESS;
}
