/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Values between layouts. What is read is the kernel's own BTF of maps that root has made: it has been checked there. */

#include "kernel/member.h"

#include <stdbool.h>
#include <string.h>

static MemberType resolve(MemberType type) {
    const struct btf_type *t = btf__type_by_id(type.btf, type.id);

    while (t && (btf_is_typedef(t) || btf_is_mod(t))) {
        type.id = t->type;
        t = btf__type_by_id(type.btf, type.id);
    }
    return type;
}

static bool is_number(const struct btf_type *t) {
    return (btf_is_int(t) || btf_is_any_enum(t)) && t->size <= sizeof(uint64_t);
}

static bool is_signed(const struct btf_type *t) {
    return btf_is_int(t) && btf_int_encoding(t) & BTF_INT_SIGNED;
}

static uint64_t read_number(const void *value, const struct btf_type *t) {
    uint64_t number = 0;
    unsigned unused_bits = 64 - 8 * t->size;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&number, value, t->size);
#else
    memcpy((char *) &number + sizeof(number) - t->size, value, t->size);
#endif
    return is_signed(t) ? (uint64_t) ((int64_t) (number << unused_bits) >> unused_bits) : number;
}

static void write_number(uint64_t number, const struct btf_type *t, void *ret) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(ret, &number, t->size);
#else
    memcpy(ret, (char *) &number + sizeof(number) - t->size, t->size);
#endif
}

static void convert_array(MemberType from, const char *value, MemberType to, char *ret) {
    const struct btf_array *source = btf_array(btf__type_by_id(from.btf, from.id));
    const struct btf_array *target = btf_array(btf__type_by_id(to.btf, to.id));
    int64_t source_size = btf__resolve_size(from.btf, source->type),
            target_size = btf__resolve_size(to.btf, target->type);

    for (uint32_t i = 0; source_size > 0 && target_size > 0 && i < source->nelems && i < target->nelems; i++)
        members_convert((MemberType){ from.btf, source->type }, value + i * source_size,
                (MemberType){ to.btf, target->type }, ret + i * target_size);
}

static const struct btf_member *find_member(MemberType type, const char *name) {
    const struct btf_type *t = btf__type_by_id(type.btf, type.id);
    const struct btf_member *members = btf_members(t);

    for (uint16_t i = 0; i < btf_vlen(t); i++)
        if (strcmp(btf__name_by_offset(type.btf, members[i].name_off), name) == 0)
            return members + i;
    return NULL;
}

static void convert_struct(MemberType from, const char *value, MemberType to, char *ret) {
    const struct btf_type *t = btf__type_by_id(to.btf, to.id);
    const struct btf_member *targets = btf_members(t);

    for (uint16_t i = 0; i < btf_vlen(t); i++) {
        const struct btf_member *source = find_member(from, btf__name_by_offset(to.btf, targets[i].name_off));

        if (source)
            members_convert((MemberType){ from.btf, source->type }, value + source->offset / 8,
                    (MemberType){ to.btf, targets[i].type }, ret + targets[i].offset / 8);
    }
}

void members_convert(MemberType from, const void *value, MemberType to, void *ret) {
    from = resolve(from);
    to = resolve(to);
    const struct btf_type *source = btf__type_by_id(from.btf, from.id), *target = btf__type_by_id(to.btf, to.id);

    if (!source || !target)
        return;
    if (is_number(source) && is_number(target))
        write_number(read_number(value, source), target, ret);
    else if (btf_is_array(source) && btf_is_array(target))
        convert_array(from, value, to, ret);
    else if (btf_is_struct(source) && btf_is_struct(target))
        convert_struct(from, value, to, ret);
}
