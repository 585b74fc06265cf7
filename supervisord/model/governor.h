/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Governor: pure function of policy, ledger and time that says what should hold now. It only ever tunes; every guarantee
 * is already written to the node when it is asked.
 */

#include "model/ledger.h"
#include "model/plan.h"
#include "model/policy.h"

int governor_decide(const Policy *policy, const Ledger *ledger, uint64_t now_usec, Decision *ret); /* -ENOMEM */
void decision_done(Decision *decision);
