/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Privileges: what remains of root when nobody took them away before the start. */

/*
 * Becomes the user, with only the group that may read the control socket, for good. user NULL: nobody when root, else
 * stays who it is. *ret_problem: what could not be done. Call before there are threads.
 */
int privileges_drop(const char *user, const char *group, const char **ret_problem);
