/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * How long threads ran and how long they waited for a CPU, exactly and at no cost per
 * switch: the kernel keeps both for each thread. They are read of all threads when
 * user space asks, and of each that has ended when the kernel forgets it, which is
 * after its last moment on a CPU. What a thread has more than the last time is counted
 * for whoever it belongs to now.
 *
 * A container is known some seconds after its first process ran. What nobody's slot
 * stands for is counted by the numbers of the cgroups, for user space to take over.
 */
#include "task.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct___born {
	u64 start_time; /* of CLOCK_MONOTONIC */
};

#pragma clang attribute pop

/* Set by user space: when the last look at all threads began. What was there before,
 * and is not remembered, was there before anything was counted. */
u64 looked;

/* What could not be kept: threads, and times of cgroups. */
u64 lost_threads, lost_cgroups;

struct times {
	u64 run, delay; /* nanoseconds */
};

struct seen {
	struct times times;
	u64 known;
};

struct nameless {
	struct times times;
	u64 at; /* when it last grew */
};

/* What was counted of each thread. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct seen);
} seen SEC(".maps");

/* By slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct times);
} counted SEC(".maps");

/* By the number of a cgroup that is not placed, those below it included. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, struct nameless);
} nameless SEC(".maps");

static __always_inline void add(struct times *to, struct times *more)
{
	__sync_fetch_and_add(&to->run, more->run);
	__sync_fetch_and_add(&to->delay, more->delay);
}

/* put_by adds to what is counted of a cgroup that is not placed. */
static __always_inline void put_by(u64 id, struct times *more)
{
	struct nameless *to = bpf_map_lookup_elem(&nameless, &id);
	if (!to) {
		struct nameless none = {};
		bpf_map_update_elem(&nameless, &id, &none, BPF_NOEXIST);
		to = bpf_map_lookup_elem(&nameless, &id);
	}
	if (!to) {
		__sync_fetch_and_add(&lost_cgroups, 1);
		return;
	}
	to->at = bpf_ktime_get_ns();
	add(&to->times, more);
}

/* put_aside counts for a cgroup and for all above it up to the first that is placed:
 * any of them may turn out to be a guest's. */
static __noinline int put_aside(struct cgroup_subsys_state *css, struct times *more)
{
	for (int i = 0; i < DEPTH && css; i++) {
		struct cgroup *cgroup = css->cgroup;
		u64 id = cgroup ? cgroup->kn->id : ROOT_ID;
		if (id == ROOT_ID || bpf_map_lookup_elem(&places, &id))
			break;
		put_by(id, more);
		css = css->parent;
	}
	return 0;
}

/* count counts what a thread has more than was seen of it. */
static __always_inline void count(struct task_struct *task, u64 run, u64 delay)
{
	struct times more = {run, delay};
	if (!run && !delay)
		return;
	struct cgroup_subsys_state *css = cpu_css(task);
	u32 place = narrow(find_place(css), task);
	if (!(place & PLACE_VICTIM)) {
		put_aside(css, &more);
		return;
	}
	u32 slot = place & PLACE_SLOT;
	struct times *to = bpf_map_lookup_elem(&counted, &slot);
	if (to)
		add(to, &more);
}

static __always_inline bool is_old(struct task_struct *task)
{
	struct task_struct___born *born = (void *)task;
	return born->start_time < looked;
}

SEC("iter/task")
int look(u64 *ctx)
{
	struct task_struct *task = PTR(struct task_struct, ctx, 1);
	if (!task)
		return 0;
	struct seen *s = bpf_task_storage_get(&seen, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!s) {
		__sync_fetch_and_add(&lost_threads, 1);
		return 0;
	}
	u64 run = task->se.sum_exec_runtime, delay = task->sched_info.run_delay;
	struct times before = s->times;
	bool first = !s->known;
	s->times.run = run;
	s->times.delay = delay;
	s->known = 1;
	if (!first || !is_old(task))
		count(task, run - before.run, delay - before.delay);
	return 0;
}

SEC("tp_btf/sched_process_free")
int forget(u64 *ctx)
{
	struct task_struct *task = PTR(struct task_struct, ctx, 0);
	struct seen *s = bpf_task_storage_get(&seen, task, 0, 0);
	u64 run = task->se.sum_exec_runtime, delay = task->sched_info.run_delay;
	if (s)
		count(task, run - s->times.run, delay - s->times.delay);
	else if (!is_old(task))
		count(task, run, delay);
	return 0;
}
