// SPDX-License-Identifier: GPL-2.0-or-later

/* Makes the shared maps, and nothing else. */

#include "maps.h"
