/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A golden test is a directory: what goes in, and a file `expected` with what must come out. Its program takes
 *
 *     [--update] DIRECTORY
 *
 * shows the difference as a unified diff, and fails if there is one; --update writes what came out as what is expected.
 */

/* produce() makes the text that comes out of a directory; owned by the caller. It ends the test itself if it cannot. */
int golden_main(int argc, char *argv[], char *(*produce)(const char *directory));
