/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The maps that programs share with each other and with the daemon. Every object declares them all, but only
 * maps.bpf.c's are made: the daemon gives those to the other objects before it loads them. The sizes that depend on
 * the number of slots are set by the daemon.
 */

#include "kernel.h"

#include "denials.h"
#include "slot.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct abi);
} abi SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct slot);
} slots SEC(".maps");

/* What removed children had counted; only the daemon writes it. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct slot);
} folded_slots SEC(".maps");

/* Whose slot gets what a slot has counted when its group goes; 0: nobody's. Only the daemon reads and writes it. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} slot_heirs SEC(".maps");

/* No program reads or writes it: it is here to outlive the daemon. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct account);
} accounts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u64);
    __type(value, struct cgroup_slot);
} cgroup_slots SEC(".maps");

struct {
    __uint(type, MAP_TYPE_CGRP_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct cgroup_slot);
} cgroup_storage SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct cgroup_counters);
} cgroup_counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1);
    __type(key, struct block_key);
    __type(value, struct block_counts);
} block_rows SEC(".maps");

/* The devices that block_rows has rows of, so that the daemon need not walk all rows for one slot's. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, BLOCK_DEVICES_MAX);
    __type(key, __u32);
    __type(value, __u32);
} block_devices SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, EXITS_MAX);
    __type(key, __u32);
    __type(value, struct exit_watch);
} exit_watches SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, EXITS_MAX);
    __type(key, struct exit_key);
    __type(value, struct exit_record);
} exit_records SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} exits_lost SEC(".maps");

const volatile struct knobs knobs SEC(".rodata.knobs") = { .cgroup_storage = 1, .block_by_bio = 1, .page_bytes = 4096 };

char program_license[] SEC("license") = "GPL";
