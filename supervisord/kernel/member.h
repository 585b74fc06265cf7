/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A value of a C type as one build lays it out, made one as another build does: member by member, by name, as BTF has
 * them. So it takes no table of what layouts there were.
 */

#include <bpf/btf.h>
#include <stdint.h>

typedef struct MemberType {
    const struct btf *btf;
    uint32_t id;
} MemberType;

/* Whatever `from` does not have, or has as something else, stays in `ret` as it is. Numbers may have become wider. */
void members_convert(MemberType from, const void *value, MemberType to, void *ret);
