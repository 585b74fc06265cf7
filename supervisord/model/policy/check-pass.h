/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the passes of policy_check() share. Private to them; check.h is the contract. */

#include "model/policy/check.h"

typedef struct Check {
    Policy *policy;
    const LimitScale *scale;
    Draft *const *drafts;
    size_t n_drafts;
    Diagnostics *diagnostics;
} Check;

/* At the key, or at the section when it does not give the key. */
#define complain(check, draft, key, ...)                                                                               \
    ({                                                                                                                 \
        const Place *_place = (draft)->places[key].line > 0 ? &(draft)->places[key] : &(draft)->place;                 \
        diagnostics_add((check)->diagnostics, _place->file, _place->line, (draft)->title, key_name(key), __VA_ARGS__); \
    })

bool check_is_given(const Draft *draft, KeyId key);
bool check_is_good(const Draft *draft, KeyId key); /* given, and what it says is right by itself */
bool check_is_suggesting(const Check *check);      /* there are not too many errors yet to look for near names */

/* Of networks, and of workloads on them. */
void check_network_alone(const Check *check, Draft *draft);
void check_network_against_others(const Check *check, Draft *draft);

/* Of CPUs: what other keys say becomes limits, before anything else is made of them; then what is reserved of them. */
void check_cpu_short_forms(const Check *check, Draft *draft);
void check_cpu_against_others(const Check *check, Draft *draft);

/* Of limits: what each says by itself, and to those above; once slices are resolved. Then what all of that comes to. */
void check_limits_alone(const Check *check, Draft *draft);
void check_limits_against_others(const Check *check, Draft *draft);
