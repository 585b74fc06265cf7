/* SPDX-License-Identifier: GPL-2.0-or-later */

/* foreign-scheduler: loads foreign-scheduler.bpf.c and holds it until its standard input ends. 77: no sched_ext here. */

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "foreign-scheduler.skel.h"

int main(void) {
    if (access("/sys/kernel/sched_ext", F_OK) < 0) {
        puts("this kernel has no sched_ext");
        return 77;
    }
    struct foreign_scheduler *skeleton = foreign_scheduler__open_and_load();
    if (!skeleton) {
        perror("cannot load");
        return 1;
    }
    struct bpf_link *link = bpf_map__attach_struct_ops(skeleton->maps.foreign);
    if (!link) {
        perror("cannot attach");
        foreign_scheduler__destroy(skeleton);
        return 1;
    }
    puts("loaded");
    fflush(stdout);
    while (read(STDIN_FILENO, &(char){ 0 }, 1) > 0)
        ;
    bpf_link__destroy(link);
    foreign_scheduler__destroy(skeleton);
    return 0;
}
