// SPDX-License-Identifier: GPL-2.0-or-later

/*
 * How the registered main processes ended, kept until the daemon asks, which may be another one, much later. The kernel
 * leaves a run of this out when it has preempted another one on the same CPU (since 7.0 a tracepoint may be): wait.bpf.c
 * looks once more.
 */

#include "exit.h"

SEC("tp_btf/sched_process_exit")
int BPF_PROG(exits, struct task_struct *task) {
    remember_exit(task);
    return 0;
}
