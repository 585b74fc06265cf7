/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A sched_ext scheduler that is not ours: the kernel's defaults, one queue for all, cpu.weight means nothing. The kernel
 * finds the members of sched_ext_ops by name, so that only those in use are declared. (libbpf 1.1 wants one callback.)
 */

struct task_struct;

struct sched_ext_ops {
    void (*runnable)(struct task_struct *task, unsigned long long flags);
    char name[128];
};

__attribute__((section("struct_ops/runnable"), used)) int runnable(unsigned long long *arguments) {
    return 0;
}

__attribute__((section(".struct_ops"), used)) struct sched_ext_ops foreign = {
    .runnable = (void *) runnable,
    .name = "foreign",
};

char _license[] __attribute__((section("license"), used)) = "GPL";
