/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What NAT= and Publish= need: the rules of one nftables table, as text that nft(8) reads. Pure. */

#include "model/policy.h"

enum { FIREWALL_SEAL_SIZE = 17 }; /* 16 hex digits of a hash of the rules */

/* The inside of the table; NULL if the policy needs none. -ENOMEM. */
int firewall_rules(const Policy *policy, char **ret);
/* "" for NULL. Returns seal. */
const char *firewall_seal(const char *rules, char seal[static FIREWALL_SEAL_SIZE]);
/* "masquerade lan; publish tcp 8080 to web": for people. -ENOMEM. */
int firewall_words(const Policy *policy, char **ret);
