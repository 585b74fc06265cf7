/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What `top` shows: rows of slices and workloads with what they use now, as a table or as JSON. */

#include <stdio.h>

#include "tools/supctl/supctl.h"
#include "tools/supctl/top-order.h"

/* The exit status. */
int top_print(const Options *options, const TopData *data, const TopView *view, FILE *file);
int top_write(const Options *options, const TopData *data, const TopView *view);
