/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where the live tests of processes run: cgroups in one directory of their own below the cgroup2 mount and a directory
 * for files, which go away however the test ends. The test's program is also the payload that it starts.
 */

#include <limits.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "kernel/process.h"
#include "kernel/spawn.h"
#include "tests/unit/check.h"

enum {
    LEAKED_FD = 77,
    BURN_MSEC = 100,
    END_TIMEOUT_MSEC = 20000,
};

extern pid_t test_pid;
extern int base_fd;       /* the directory of all leaves */
extern unsigned n_leaves; /* made so far; they are numbered from 1 */
extern char self[PATH_MAX], directory[];

/* Ends the program as payload if its arguments say so, and with 77 if it is not root's. */
void fixture_begin(int argc, char *argv[]);

/* Makes this process what no payload may see anything of. Returns the limit of files, which it should see, as it was. */
struct rlimit fixture_untidy(void);

void leaf_name(unsigned leaf, char ret[static 16]);
unsigned make_leaf(int *ret_fd);
void remove_leaf(unsigned leaf);
void check_no_children(void);
long session_keyring(void);

typedef struct Launched {
    unsigned leaf;
    Process process;
} Launched;

Workload workload_of(char **arguments);

#define SHELL(script) workload_of((char *[]){ (char *) "/bin/sh", (char *) "-c", (char *) (script), NULL })
#define PAYLOAD(what) workload_of((char *[]){ self, (char *) (what), NULL })

SpawnSpec spec_of(const Workload *workload, int leaf_fd);
/* Lets it go and waits for its report: 0 and its pidfd once it has exec'ed; else it is reaped, and *ret_message says why. */
int let_go(Spawned *spawned, int *ret_pidfd, char **ret_message);
void launch_spec(SpawnSpec *spec, unsigned leaf, Launched *ret);
void launch(const Workload *workload, Launched *ret);
Exit await(Launched *launched);
void finish(Launched *launched);
