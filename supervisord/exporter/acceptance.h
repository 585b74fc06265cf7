/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Acceptance: what the Accept headers of a request say of our two formats (RFC 9110, 12.5.1). OpenMetrics is given to
 * those who name it and like it no less than text; everybody else gets text, which every scraper reads.
 */

#include "serve/exposition.h"

typedef struct Acceptance {
    unsigned quality[EXPOSITION_FORMATS_COUNT]; /* thousandths; 0: not named, or refused */
} Acceptance;

void acceptance_add(Acceptance *acceptance, const char *header); /* one Accept header, whatever is in it */
ExpositionFormat acceptance_choice(const Acceptance *acceptance);
