/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Instants between two changes at which a test has the daemon die, so that "it may die at any instruction" is walked and
 * not only hoped for. They are in every build, so that what is tested is what is shipped; without a test each costs the
 * look at a pointer.
 *
 * SUPERVISORD_CRASH_AT= names a file with one 32 bit number in the machine's order: at the so many-th point from now on,
 * whichever thread passes it, the daemon kills itself, having said the point's name on standard error. It counts the
 * number down; 0: nobody dies. The test may set it at any time. Who sets the daemon's environment is root.
 */

int crash_points_open(void); /* 0 when nobody asks for it */
void crash_point(const char *name);
