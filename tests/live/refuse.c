/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * refuse CALL COMMAND...: runs it on a host that refuses a system call: bpf, as containers and hardened machines do, or
 * inotify_init1, as a machine does whose instances are all in use.
 */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned number;
    int error;
} calls[] = { { "bpf", SYS_bpf, EPERM }, { "inotify_init1", SYS_inotify_init1, EMFILE } };

static int refuse(unsigned number, int error) {
    struct sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned) error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = sizeof instructions / sizeof *instructions, .filter = instructions };

    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv) {
    for (size_t i = 0; argc > 2 && i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].name, argv[1]) == 0 && refuse(calls[i].number, calls[i].error) == 0)
            execvp(argv[2], argv + 2);
    perror("refuse");
    return 1;
}
