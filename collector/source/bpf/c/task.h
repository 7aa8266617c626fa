/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Threads, and the place of each. */
#pragma once
#include "slots.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sched_info {
	u64 run_delay, last_queued;
};

struct sched_entity {
	struct cfs_rq *cfs_rq;
	u64 sum_exec_runtime;
};

struct task_group {
	struct cgroup_subsys_state css;
};

struct css_set {
	struct cgroup *dfl_cgrp; /* of cgroup v2 */
};

struct task_struct {
	u32 flags;
	s32 pid, tgid;
	struct sched_entity se;
	struct sched_info sched_info;
	struct task_group *sched_task_group;
	struct css_set *cgroups;
};

#pragma clang attribute pop

/* Set before loading: whether the CPU controller is one of cgroup v2. There a
 * thread's own cgroup is known also where the controller is not enabled in it. */
const volatile u32 unified = 0;

/* cpu_css returns the cgroup of a thread in the hierarchy of the CPU controller. */
static __always_inline struct cgroup_subsys_state *cpu_css(struct task_struct *task)
{
	return unified ? &task->cgroups->dfl_cgrp->self : &task->sched_task_group->css;
}

/* narrow returns the place of a thread when that of its cgroup is known. The threads
 * that the kernel runs for a virtual machine are that one's. */
static __always_inline u32 narrow(u32 place, struct task_struct *task)
{
	if (place & PLACE_THREADS) {
		u32 own = thread_place(place, task->pid, task->tgid);
		if (own != place)
			return own;
	}
	if (place & PLACE_ROOT && task->flags & PF_KTHREAD)
		return SLOT_KERNEL;
	return place;
}
