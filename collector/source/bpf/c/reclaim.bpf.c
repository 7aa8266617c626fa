/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * How long threads reclaimed memory themselves, because what they wanted was not free.
 *
 * The kernel says which of two it is. mm_vmscan_memcg_reclaim is for the limit of a
 * cgroup, the thread's own or one above it; also what a thread reclaims by writing to
 * memory.reclaim or to a limit. mm_vmscan_direct_reclaim is for this machine, whose
 * memory is used up. Neither is begun inside the other. The cgroup is that of the
 * thread at the end.
 */
#include "task.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

enum cgroup_subsys_id___memory {
	memory_cgrp_id___memory = 1,
};

struct css_set___memory {
	struct cgroup_subsys_state *subsys[1];
};

#pragma clang attribute pop

/* Set before loading: whether the memory controller is one of cgroup v2. */
const volatile u32 memory_unified = 0;

enum { OWN_LIMIT, HOST, SCOPES };

/* Nanoseconds by slot and scope. */
struct reclaimed {
	u64 ns[SCOPES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct reclaimed);
} reclaimed SEC(".maps");

/* When a thread began to reclaim; 0 while it does not. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u64);
} began SEC(".maps");

u64 no_memory; /* times that there was none to keep a start in */

/* memory_css returns the cgroup of a thread in the hierarchy of the memory controller.
 * In v2 a thread's own cgroup is known also where the controller is not enabled in it. */
static __always_inline struct cgroup_subsys_state *memory_css(struct task_struct *task)
{
	if (memory_unified)
		return &task->cgroups->dfl_cgrp->self;
	struct css_set___memory *set = (void *)task->cgroups;
	return set->subsys[enum_value(enum cgroup_subsys_id___memory, memory_cgrp_id___memory)];
}

static __always_inline int begin(void)
{
	u64 *start = bpf_task_storage_get(&began, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (start)
		*start = bpf_ktime_get_ns();
	else
		__sync_fetch_and_add(&no_memory, 1);
	return 0;
}

static __always_inline int end(u32 scope)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 *start = bpf_task_storage_get(&began, task, 0, 0);
	if (!start || !*start)
		return 0; /* it began before this was loaded */
	u64 ns = bpf_ktime_get_ns() - *start;
	*start = 0;
	u32 slot = narrow(find_place(memory_css(task)), task) & PLACE_SLOT;
	struct reclaimed *r = bpf_map_lookup_elem(&reclaimed, &slot);
	if (r)
		__sync_fetch_and_add(&r->ns[scope], ns);
	return 0;
}

SEC("tp_btf/mm_vmscan_memcg_reclaim_begin")
int memcg_reclaim_begin(u64 *ctx) { return begin(); }

SEC("tp_btf/mm_vmscan_memcg_reclaim_end")
int memcg_reclaim_end(u64 *ctx) { return end(OWN_LIMIT); }

SEC("tp_btf/mm_vmscan_direct_reclaim_begin")
int direct_reclaim_begin(u64 *ctx) { return begin(); }

SEC("tp_btf/mm_vmscan_direct_reclaim_end")
int direct_reclaim_end(u64 *ctx) { return end(HOST); }
