/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Who waits for a CPU and who runs, looked at 99 times a second on each CPU. It costs
 * next to nothing, and is as exact as the number of looks allows: of a part that was
 * seen n times about 1/sqrt(n) is chance.
 *
 * A CPU's queue is looked at in an interrupt without its lock: what is read of others
 * than the thread that was interrupted is copied, and may be that of another moment.
 * Threads of real-time and deadline classes are on no list that can be looked at:
 * they are seen when they run, and not when they wait.
 */
#include "blamed.h"
#include "task.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

struct rq {
	struct list_head cfs_tasks;
};

struct cfs_rq {
	struct rq *rq;
	s32 throttle_count; /* with CONFIG_CFS_BANDWIDTH */
};

/* Since Linux 6.18 a quota takes threads off the lists, each by itself. */
struct cfs_rq___limbo {
	struct list_head throttled_limbo_list;
};

struct sched_entity___listed {
	struct list_head group_node;
	u8 sched_delayed; /* since Linux 6.12: it sleeps, and is to leave its queue later */
};

struct task_struct___listed {
	s32 on_rq;
	struct sched_entity___listed se;
};

#pragma clang attribute pop

#define LOOKED_AT 64 /* threads of a queue, at most */
#define ON_RQ_QUEUED 1

/* Set before loading. */
const volatile u64 most = 0; /* nanoseconds that one look stands for at most */

/* When each CPU was looked at last. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} looked SEC(".maps");

/* How often each slot was seen to wait: only rows of these are read. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} waited SEC(".maps");

#define READ(to, from) bpf_probe_read_kernel(&(to), sizeof(to), &(from))

/* find_copied is find_place of a cgroup that may be gone. */
static __noinline u32 find_copied(struct cgroup_subsys_state *css)
{
	for (int i = 0; i < DEPTH && css; i++) {
		struct cgroup *cgroup = 0;
		struct kernfs_node *kn = 0;
		u64 id = ROOT_ID;
		READ(cgroup, css->cgroup);
		if (cgroup && (READ(kn, cgroup->kn) || READ(id, kn->id)))
			break;
		u32 *place = bpf_map_lookup_elem(&places, &id);
		if (place)
			return *place;
		if (READ(css, css->parent))
			break;
	}
	return SLOT_OTHER;
}

/* place_of_copied returns the place of a thread that waits. */
static __always_inline u32 place_of_copied(struct task_struct *task)
{
	struct cgroup_subsys_state *css = 0;
	if (unified) {
		struct css_set *set = 0;
		struct cgroup *cgroup = 0;
		READ(set, task->cgroups);
		READ(cgroup, set->dfl_cgrp);
		css = &cgroup->self;
	} else {
		struct task_group *group = 0;
		READ(group, task->sched_task_group);
		css = &group->css;
	}
	u32 place = find_copied(css);
	if (place & PLACE_THREADS) {
		s32 pid = 0, tgid = 0;
		READ(pid, task->pid);
		READ(tgid, task->tgid);
		return thread_place(place, pid, tgid);
	}
	return place; /* the kernel's own threads are no victims */
}

/* held reports whether a quota holds the queue. */
static __always_inline bool held(struct cfs_rq *q)
{
	struct cfs_rq___limbo *limbo = (void *)q;
	s32 count = 0;
	if (!field_exists(q->throttle_count) || field_exists(limbo->throttled_limbo_list))
		return 0;
	READ(count, q->throttle_count);
	return count > 0;
}

/* waiting looks at a thread of the list of rq, and puts the time on who runs if it
 * waits. It returns 0 at the end of what can be looked at. */
static __noinline int waiting(struct task_struct *task, struct rq *rq, u32 runs, u64 ns)
{
	struct task_struct___listed *t = (void *)task;
	struct cfs_rq *queue = 0;
	struct rq *on = 0;
	s32 queued = 0;
	u8 delayed = 0;
	READ(queue, task->se.cfs_rq);
	READ(on, queue->rq);
	if (on != rq)
		return 0; /* it was moved just now, and the list goes on elsewhere */
	READ(queued, t->on_rq);
	if (field_exists(t->se.sched_delayed))
		READ(delayed, t->se.sched_delayed);
	if (queued != ON_RQ_QUEUED || delayed)
		return 1;
	u32 place = place_of_copied(task);
	if (!(place & PLACE_VICTIM))
		return 1;
	u32 victim = place & PLACE_SLOT;
	u64 *times = bpf_map_lookup_elem(&waited, &victim);
	if (times)
		__sync_fetch_and_add(times, 1);
	blame_pair(victim, held(queue) ? SLOT_THROTTLE : runs, ns);
	return 1;
}

SEC("perf_event")
int sample(void *ctx)
{
	u32 zero = 0;
	u64 *last = bpf_map_lookup_elem(&looked, &zero), now = bpf_ktime_get_ns();
	if (!last)
		return 0;
	u64 ns = *last ? now - *last : 0;
	*last = now;
	if (ns > most)
		ns = most;
	struct task_struct *current = bpf_get_current_task_btf();
	if (!ns || !current->pid)
		return 0;
	u32 runs = narrow(find_place(cpu_css(current)), current) & PLACE_SLOT;
	struct rq *rq = current->se.cfs_rq->rq;
	struct list_head *head = &rq->cfs_tasks, *node = 0;
	struct task_struct___listed *listed = 0;
	u64 offset = (u64)&listed->se.group_node;
	READ(node, head->next);
	for (int i = 0; i < LOOKED_AT && node && node != head; i++) {
		struct task_struct *task = (void *)node - offset;
		if (task != current && !waiting(task, rq, runs, ns))
			break;
		if (READ(node, node->next))
			break;
	}
	return 0;
}
