/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Who a cgroup and a thread belong to. User space gives each guest and each unit a
 * slot, and says which cgroups are theirs; a cgroup below belongs to the nearest one
 * above it that has a slot. So the number of slots is bounded, and nothing is ever
 * put out by the kernel.
 */
#pragma once
#include "kernel.h"

/* Slots that stand for nobody's cgroup. See places.go. */
enum {
	SLOT_IDLE = 0,       /* nobody ran */
	SLOT_OTHER = 1,      /* cgroups without a slot */
	SLOT_KERNEL = 2,     /* the kernel's own threads */
	SLOT_HYPERVISOR = 3, /* this machine's own CPU was taken away */
	SLOT_THROTTLE = 4,   /* a quota */
	SLOT_UNKNOWN = 5,    /* not remembered any more */
	SLOTS_RESERVED,
};

/* A place is a slot and what is to be known of it. */
#define PLACE_SLOT 0xffff
#define PLACE_VICTIM (1 << 16)  /* its waits are counted */
#define PLACE_THREADS (1 << 17) /* some of its threads have slots of their own */
#define PLACE_ROOT (1 << 18)    /* of the root cgroup, where the kernel's threads are */

#define DEPTH 16 /* levels of cgroups that are searched */

/* The place of a cgroup, by its number in the hierarchy of the controller. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, u32);
} places SEC(".maps");

/* The place of a thread, or of all threads of a process. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u32);
	__type(value, u32);
} threads SEC(".maps");

#define ROOT_ID 1 /* of the root cgroup in each hierarchy */

/* find_place returns the place of a cgroup, or of the nearest above it. The groups
 * that the scheduler makes for sessions have no cgroup: they are the root's. */
static __always_inline u32 find_place(struct cgroup_subsys_state *css)
{
	for (int i = 0; i < DEPTH && css; i++) {
		struct cgroup *cgroup = css->cgroup;
		u64 id = cgroup ? cgroup->kn->id : ROOT_ID;
		u32 *place = bpf_map_lookup_elem(&places, &id);
		if (place)
			return *place;
		css = css->parent;
	}
	return SLOT_OTHER;
}

/* thread_place returns the place of a thread where its cgroup's is not all. */
static __always_inline u32 thread_place(u32 place, u32 pid, u32 tgid)
{
	u32 *own = bpf_map_lookup_elem(&threads, &pid);
	if (!own && tgid != pid)
		own = bpf_map_lookup_elem(&threads, &tgid);
	return own ? *own : place;
}
