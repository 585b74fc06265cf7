/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What `show -p` may ask for: limits, meters, and the properties of a status. */

#include "tools/supctl/report.h"

const char *status_property_name(size_t i); /* NULL: no more */

/* In words for a limit (the effective one), plain for numbers; NULL: there is none of this name. May return buffer (AMOUNT_TEXT_MAX). */
const char *detail_property(const Detail *detail, const char *name, char *buffer, size_t size);
