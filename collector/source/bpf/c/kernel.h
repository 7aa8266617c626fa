/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the programs read of the kernel: of each type no more than the members that
 * are read. Where they lie in the kernel at hand is found out when a program is
 * loaded (CO-RE), so that one object serves all kernels and architectures.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;
typedef u8 bool;

#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name

/* barrier_var hides from the compiler what is known of a variable. */
#define barrier_var(var) asm volatile("" : "+r"(var))

#define PF_KTHREAD 0x00200000

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum { BPF_ANY, BPF_NOEXIST };
enum { BPF_F_NO_PREALLOC = 1, BPF_F_MMAPABLE = 1 << 10 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static u32 (*bpf_get_smp_processor_id)(void) = (void *)8;
static u64 (*bpf_get_current_pid_tgid)(void) = (void *)14;
static long (*bpf_probe_read_kernel)(void *dst, u32 size, const void *from) = (void *)113;
static void *(*bpf_task_storage_get)(void *map, void *task, void *value, u64 flags) = (void *)156;
static long (*bpf_task_storage_delete)(void *map, void *task) = (void *)157;
static struct task_struct *(*bpf_get_current_task_btf)(void) = (void *)158;

/* Whether a member is there, see bpf_core_field_exists of libbpf. */
enum bpf_field_info_kind { BPF_FIELD_EXISTS = 2 };
#define field_exists(field) __builtin_preserve_field_info(field, BPF_FIELD_EXISTS)

enum bpf_enum_value_kind { BPF_ENUMVAL_EXISTS = 0, BPF_ENUMVAL_VALUE = 1 };
#define enum_value(type, value) \
	__builtin_preserve_enum_value(*(typeof(type) *)value, BPF_ENUMVAL_VALUE)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	u64 id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	u64 serial_nr; /* never used again */
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

#pragma clang attribute pop

/* The argument n of a raw tracepoint, as a number and as a pointer. */
#define ARG(ctx, n) (*(volatile u64 *)&(ctx)[n]) /* whole: the verifier takes no part of one */
#define PTR(type, ctx, n) ((type *)(ctx)[n])

static char _license[] SEC("license") = "GPL";
