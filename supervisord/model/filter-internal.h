/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the files behind filter.h share. Nobody else includes it. */

#include <stdio.h>

#include "model/filter.h"

void filters_forget_devices(Filters *filters);
bool filters_deny_devices(const Filters *filters);
bool filters_deny_addresses(const Filters *filters);
bool filters_deny_binds(const Filters *filters);
void filters_show_devices(const Filters *filters, FILE *out);
void filters_show_addresses(const Filters *filters, FILE *out);
void filters_show_binds(const Filters *filters, FILE *out);

/* n rules, each with whether it allows and its text. */
typedef struct FilterList {
    size_t n;
    bool (*allows)(const Filters *filters, size_t i);
    void (*show)(const Filters *filters, size_t i, FILE *out);
} FilterList;

void filters_show_list(const Filters *filters, const FilterList *list, FILE *out); /* "allow A B, deny C" */
