/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One slice or workload as a block of labelled lines, the head of `status NAME` and `show NAME`. */

#include "tools/supctl/report.h"
#include "tools/supctl/supctl.h"

/* with_meters: the most asked ones, too. The exit status. */
int block_print(const Options *options, const Detail *detail, bool with_meters);
