/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One nftables table, "inet INSTANCE", that is replaced as a whole in one transaction; other tables are never touched, not
 * even one of this name that is not ours. libnftables is loaded for the moment of use only: the daemon is small.
 */

#include "kernel/network.h"
#include "model/firewall.h"

/*
 * The seal of the rules that hold, if they hold unchanged; "other" if somebody changed them; "none" if only our note of a table
 * is left; "" if there is no table of ours.
 * Nothing is loaded where we never made a table.
 */
int firewall_read(Links *links, char ret_seal[static FIREWALL_SEAL_SIZE]);
/* rules: of the table, NULL: it goes. -EEXIST: one of that name is not ours. ret_message: what nft says, owned; or NULL. */
int firewall_set(Links *links, const char *rules, char **ret_message);
bool firewall_available(void); /* libnftables is there */
