/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * How long threads waited for a CPU, and who ran meanwhile.
 *
 * When a thread is about to run, the kernel has not yet booked its wait: it is the
 * clock of the CPU's queue less sched_info.last_queued, the very number that it will
 * add to run_delay. So one program at sched_switch suffices. A wait that was moved to
 * another queue is booked at that moment: this program sees its last part only.
 *
 * Who ran is remembered for each CPU at three grains: the last slices as they were,
 * neighbours of one slot merged; blocks of 8 ms with what each slot ran in them; and
 * blocks of 67 ms. A wait is split by the first, what is older by the next; only in
 * the oldest block that it touches it is split by shares.
 *
 * Most switches are from one thread to another of the same slot, and most waits began
 * while that slot ran. Such a switch touches the first words of struct cpu, the place
 * of the cgroup, and two lines of the counters of the slot, which no other CPU writes
 * to where each has a shard. What is rare is in functions of its own, which leaves
 * the registers to the rest.
 */
#include "hist.h"
#include "blamed.h"
#include "task.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct rq {
	u64 clock;
	u64 prev_steal_time_rq; /* with CONFIG_PARAVIRT_TIME_ACCOUNTING */
	u64 prev_steal_time;    /* as of the last tick */
};

struct cfs_rq {
	struct rq *rq;
	u64 throttled_clock_self_time; /* since Linux 6.6 */
	u64 throttled_clock_pelt_time; /* since Linux 5.17 */
};

struct cfs_rq___old {
	u64 throttled_clock_task_time;
};

#pragma clang attribute pop

#define SLICES 32
#define BLOCKS 32
#define PAIRS 16
#define CACHE 64
#define HELD 1024
#define CHANGES 4

#define BLOCK_NS (8ULL << 20)  /* about 8 ms */
#define GREAT_NS (64ULL << 20) /* about 67 ms */
#define LEAST_STOLEN 20000     /* ns; less is added to the next */
#define MOST_OWED (256ULL << 20) /* about 268 ms; more is not put on what runs later */
#define SHORTEST_NS 954        /* what is no longer is in the first bucket */

/* Set before loading. */
const volatile u32 shard_mask = 15; /* CPUs share what they count into, */
const volatile u32 shared = 1;      /* if there are more than shards */
const volatile u32 pair_mask = 0;   /* the same for blamed */

u32 generation; /* changes with each change of places */

struct slice {
	u64 end;
	u64 slot;
};

struct block {
	u64 start, end;
	u64 ns[PAIRS];
	u16 slot[PAIRS];
	u32 used;
	u32 pad;
};

/* The place of a cgroup. */
struct cached {
	u64 key;
	u32 place;
	u32 pad;
};

/* The place of a thread, in a cgroup in which some have one of their own. Numbers of
 * threads are used again. */
struct cached_thread {
	u64 key;
	u32 generation; /* one more */
	u32 group;      /* the cgroup's place */
	u32 place;
	u32 pad;
};

/* A queue whose quota has held it: how long, as of the times when that was seen to
 * have grown. */
struct held {
	u64 key;
	u64 total;
	u64 at[CHANGES];     /* when it was seen */
	u64 before[CHANGES]; /* the total before */
	u32 next;
	u32 pad;
};

struct cpu {
	/* What each switch touches. */
	u64 clock;  /* of the last switch; 0 before the first */
	u64 since;  /* when the slot that runs began to */
	u64 stolen; /* of this machine's CPU, as of the last switch */
	u32 slot;   /* that runs */
	u32 waits;  /* the first of this CPU's shard of waited */
	/* The others, if another slot ran or runs. */
	u32 pairs;  /* the first row of its shard of blamed */
	u32 slice;  /* the newest of slices */
	u32 block;  /* the newest of blocks */
	u32 great;  /* the newest of greats */
	struct cached groups[CACHE];
	struct cached_thread threads[CACHE];
	struct slice slices[SLICES]; /* of slots that do not run any more */
	struct block blocks[BLOCKS];
	struct block greats[BLOCKS];
};

/* Sums of a slot that waits: by the reserved slots, and these. */
enum {
	SUM_SELF = SLOTS_RESERVED, /* nanoseconds in which its own threads ran */
	SUM_PAIRS,                 /* changes before something is added to blamed */
	SUMS
};

/* How long a slot has waited, and how many of its waits were how long. */
struct waits {
	u64 sums[SUMS];
	u64 buckets[BUCKETS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cpu);
} cpus SEC(".maps");

/* Queues that quotas have held, by the number of the cgroup. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, HELD);
	__type(key, u32);
	__type(value, struct held);
} helds SEC(".maps");

/* Waits by shard and slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct waits);
} waited SEC(".maps");

static __noinline u32 find(struct cgroup_subsys_state *css) { return find_place(css); }

static __noinline u32 find_thread(u32 place, struct task_struct *task) { return narrow(place, task); }

/* place_of returns the place of a thread. What was found of a cgroup, and of a thread
 * that may have a place of its own, is kept for each CPU. */
static __always_inline u32 place_of(struct cpu *c, struct task_struct *task)
{
	struct cgroup_subsys_state *css = cpu_css(task);
	u64 serial = css->serial_nr;
	u64 key = serial + ((u64)generation << 40) + 1;
	struct cached *kept = &c->groups[(serial * 0x9E3779B97F4A7C15ULL) >> 58];

	if (kept->key != key) {
		kept->place = find(css);
		kept->key = key;
	}
	u32 place = kept->place;
	if (!(place & (PLACE_THREADS | PLACE_ROOT)))
		return place;
	if (!(place & PLACE_THREADS))
		return task->flags & PF_KTHREAD ? SLOT_KERNEL : place;

	u32 pid = task->pid;
	struct cached_thread *own = &c->threads[pid % CACHE];
	key = ((u64)task->tgid << 32) + pid;
	if (own->key != key || own->group != place || own->generation != generation + 1) {
		own->place = find_thread(place, task);
		own->key = key;
		own->group = place;
		own->generation = generation + 1;
	}
	return own->place;
}

/* put adds what a slot ran to a block, if it has room for one more slot. */
static __always_inline bool put(struct block *b, u32 slot, u64 ns)
{
	u32 used = b->used;

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < PAIRS && i < used; i++) {
		if (b->slot[i] == slot) {
			b->ns[i] += ns;
			return 1;
		}
	}
	if (used >= PAIRS)
		return 0;
	b->slot[used] = slot;
	b->ns[used] = ns;
	b->used = used + 1;
	return 1;
}

/* next_great begins a great block with what began at start. */
static __always_inline struct block *next_great(struct cpu *c, u64 start)
{
	c->great++;
	struct block *b = &c->greats[c->great % BLOCKS];
	b->start = start;
	b->used = 0;
	return b;
}

/* fold adds a block that is complete to the great one. Where many take turns that gets
 * full before its time: it ends after what it has of the block, as if its slots had run
 * one after the other, the next one begins, and less far back is remembered. */
static __noinline int fold(struct cpu *c)
{
	struct block *from = &c->blocks[c->block % BLOCKS];
	struct block *to = &c->greats[c->great % BLOCKS];
	u64 done = from->start;

	if (!from->used)
		return 0; /* the first */
	if (!to->used || to->end - to->start >= GREAT_NS)
		to = next_great(c, from->start);
	for (u64 i = 0; i < PAIRS; i++) { /* u64: see walk */
		if (i >= from->used)
			break;
		if (!put(to, from->slot[i], from->ns[i])) {
			to->end = done;
			to = next_great(c, done);
			put(to, from->slot[i], from->ns[i]);
		}
		done += from->ns[i];
	}
	to->end = from->end;
	return 0;
}

/* keep adds a slice that is complete to the blocks. */
static __always_inline void keep(struct cpu *c, u32 slot, u64 start, u64 end)
{
	struct block *b = &c->blocks[c->block % BLOCKS];

	if (end - b->start >= BLOCK_NS || !put(b, slot, end - start)) {
		fold(c);
		c->block++;
		b = &c->blocks[c->block % BLOCKS];
		b->start = start;
		b->used = 1;
		b->slot[0] = slot;
		b->ns[0] = end - start;
	}
	b->end = end;
}

/* turn ends the slice of the slot that runs: from then on another one does. */
static __noinline int turn(struct cpu *c, u32 slot, u64 at)
{
	u64 since = c->since;
	u32 ran = c->slot;

	c->slot = slot;
	if (at <= since)
		return 0; /* for no time at all */
	c->since = at;
	c->slice++;
	struct slice *s = &c->slices[c->slice % SLICES];
	s->slot = ran;
	s->end = at;
	keep(c, ran, since, at);
	return 0;
}

/* begin notes the first switch: nobody knows what was before. */
static __noinline int begin(struct cpu *c, u64 now, u64 stolen)
{
	struct slice *s = &c->slices[c->slice % SLICES];
	u32 cpu = bpf_get_smp_processor_id();

	s->slot = c->slot = SLOT_UNKNOWN;
	s->end = c->since = now;
	c->stolen = stolen;
	c->waits = (cpu & shard_mask) * slots;
	c->pairs = (cpu & pair_mask) * slots;
	return 0;
}

/* steal notes that the hypervisor took the CPU away, as if that had been just now. The
 * tick tells of it late, and of more than has passed since the last switch: the rest is
 * put on what runs next, so that the sum is right. */
static __noinline int steal(struct cpu *c, u64 now, u64 stolen)
{
	u64 taken = stolen - c->stolen, owed = 0, start = c->clock;

	if (now <= start)
		return 0; /* it is seen at the next switch */
	if (taken > now - start) {
		owed = taken - (now - start);
		taken = now - start;
	}
	if (owed > MOST_OWED)
		owed = MOST_OWED;
	c->stolen = stolen - owed;
	return turn(c, SLOT_HYPERVISOR, now - taken);
}

/* count adds to what may be another CPU's too. */
static __always_inline void count(u64 *to, u64 n)
{
	if (shared)
		__sync_fetch_and_add(to, n);
	else
		*to += n;
}

/* blame notes that a slot ran while a victim waited. */
static __always_inline void blame(struct cpu *c, struct waits *w, u32 victim, u32 slot, u64 ns)
{
	if (slot == victim) {
		count(&w->sums[SUM_SELF], ns);
	} else if (slot < SLOTS_RESERVED) {
		count(&w->sums[slot], ns);
	} else {
		count(&w->sums[SUM_PAIRS], 1);
		blame_pair(c->pairs + victim, slot, ns);
	}
}

/* walk splits the part of a wait from queued to until by blocks, and returns until
 * when of it nothing was found. It is rare: all of it goes to one row. Its counters are
 * kept on the stack: of what is there in less than 8 bytes the verifier before Linux 5.16
 * does not know that it grows, and finds that the loop has no end. */
static __noinline u64 walk(struct cpu *c, u32 row, u64 queued, u64 until, u32 great)
{
	u32 newest = great ? c->great : c->block;

	for (u64 i = 0; i < BLOCKS; i++) {
		u32 at = (newest - i) % BLOCKS;
		struct block *b = great ? &c->greats[at] : &c->blocks[at];
		u64 start = b->start, length = b->end - start;
		if (start >= until)
			continue;
		if (b->end <= queued || !length)
			break;
		u64 lo = start > queued ? start : queued;
		u64 part = until - lo;
		if (part > length)
			part = length;
		u64 found = 0;
		u32 coarse = length >> 32 ? 16 : 0; /* a slice of hours: the product has to fit */
		for (u64 k = 0; k < PAIRS; k++) {
			if (k >= b->used)
				break;
			u64 ns = (b->ns[k] >> coarse) * part / (length >> coarse);
			found += ns;
			blame_pair(row, b->slot[k], ns);
		}
		if (found + 64 < until - lo)
			blame_pair(row, SLOT_UNKNOWN, until - lo - found);
		until = lo;
		if (lo == queued)
			break;
	}
	return until;
}

/* split says who ran while a thread waited from queued until the slot that runs began
 * to. */
static __noinline int split(struct cpu *c, struct waits *w, u32 victim, u64 queued, u64 until)
{
	for (u32 i = 0; i < SLICES - 1; i++) {
		struct slice *s = &c->slices[(c->slice - i) % SLICES];
		u64 start = c->slices[(c->slice - i - 1) % SLICES].end;
		barrier_var(start);
		u64 lo = start > queued ? start : queued;
		blame(c, w, victim, s->slot, until - lo);
		until = lo;
		if (lo == queued)
			return 0;
	}
	count(&w->sums[SUM_PAIRS], 1);
	until = walk(c, c->pairs + victim, queued, until, 0);
	if (until > queued)
		until = walk(c, c->pairs + victim, queued, until, 1);
	if (until > queued)
		count(&w->sums[SLOT_UNKNOWN], until - queued);
	return 0;
}

/* throttled returns how long quotas have held a queue, its own and those above it. */
static __always_inline u64 throttled(struct cfs_rq *q)
{
	if (field_exists(q->throttled_clock_self_time))
		return q->throttled_clock_self_time;
	if (field_exists(q->throttled_clock_pelt_time))
		return q->throttled_clock_pelt_time;
	struct cfs_rq___old *old = (void *)q;
	if (field_exists(old->throttled_clock_task_time))
		return old->throttled_clock_task_time;
	return 0;
}

#define NOT_KNOWN (~0ULL)

/* held_of returns what is known of the queue of a cgroup; fresh says that it is new. */
static __always_inline struct held *held_of(u64 serial, u64 total, bool *fresh)
{
	u32 first = (serial * 0x9E3779B97F4A7C15ULL) >> 54, second = first ^ 1;
	struct held *h = bpf_map_lookup_elem(&helds, &first);
	if (!h || h->key == serial + 1)
		return h;
	struct held *other = bpf_map_lookup_elem(&helds, &second);
	if (!other || other->key == serial + 1)
		return other;
	if (!other->key) /* two places to look at are enough */
		h = other;
	h->key = serial + 1;
	h->total = total;
	for (u32 i = 0; i < CHANGES; i++)
		h->at[i] = 0;
	*fresh = 1;
	return h;
}

/* held returns for how much of a wait that began at queued a quota held the queue. */
static __noinline u64 held(u64 serial, u64 total, u64 queued, u64 now)
{
	bool fresh = 0;
	struct held *h = held_of(serial, total, &fresh);
	u64 since = total;

	if (!h)
		return NOT_KNOWN;
	if (fresh)
		return total <= now - queued ? total : NOT_KNOWN;
	if (h->total != total) {
		u32 i = h->next++ % CHANGES;
		h->at[i] = now;
		h->before[i] = h->total;
		h->total = total;
	}
	for (u32 i = 0; i < CHANGES; i++)
		if (h->at[i] > queued && h->before[i] < since)
			since = h->before[i];
	return total - since;
}

/* waited_for counts a wait that has just ended. */
static __always_inline void waited_for(struct cpu *c, struct task_struct *task, u32 victim, u64 queued, u64 now)
{
	u32 at = c->waits + victim;
	struct waits *w = bpf_map_lookup_elem(&waited, &at);
	if (!w)
		return;
	u64 ns = now - queued, total = throttled(task->se.cfs_rq);
	u32 i = ns <= SHORTEST_NS ? 0 : bucket(ns);
	count(&w->buckets[i], 1);

	if (total) {
		u64 by_quota = held(cpu_css(task)->serial_nr, total, queued, now);
		if (by_quota == NOT_KNOWN) {
			count(&w->sums[SLOT_UNKNOWN], ns);
			return;
		}
		if (by_quota) {
			if (by_quota > ns)
				by_quota = ns;
			count(&w->sums[SLOT_THROTTLE], by_quota);
			queued += by_quota; /* a quota holds first, then the thread has to wait its turn */
			if (queued >= now)
				return;
		}
	}
	u64 since = c->since;
	if (since <= queued) {
		blame(c, w, victim, c->slot, now - queued);
		return;
	}
	if (since > now)
		since = now;
	blame(c, w, victim, c->slot, now - since);
	split(c, w, victim, queued, since);
}

/* stolen_from returns for how long the hypervisor below has had a CPU. Debian's kernels
 * have only what the tick sees of it. */
static __always_inline u64 stolen_from(struct rq *rq)
{
	if (field_exists(rq->prev_steal_time_rq))
		return rq->prev_steal_time_rq;
	if (field_exists(rq->prev_steal_time))
		return rq->prev_steal_time;
	return 0;
}

SEC("tp_btf/sched_switch")
int sched_switch(u64 *ctx)
{
	struct task_struct *prev = PTR(struct task_struct, ctx, 1);
	struct task_struct *next = PTR(struct task_struct, ctx, 2);
	u32 zero = 0;
	struct cpu *c = bpf_map_lookup_elem(&cpus, &zero);
	if (!c)
		return 0;

	bool idle = !next->pid; /* its queue says nothing */
	struct rq *rq = idle ? prev->se.cfs_rq->rq : next->se.cfs_rq->rq;
	u64 now = rq->clock;
	u64 stolen = stolen_from(rq);

	if (!c->clock)
		begin(c, now, stolen);
	else if (stolen - c->stolen >= LEAST_STOLEN)
		steal(c, now, stolen);
	c->clock = now;

	u32 place = idle ? SLOT_IDLE : place_of(c, next);
	u32 slot = place & PLACE_SLOT;
	if (place & PLACE_VICTIM) {
		u64 queued = next->sched_info.last_queued;
		if (queued && queued < now)
			waited_for(c, next, slot, queued, now);
	}
	if (slot != c->slot)
		turn(c, slot, now);
	return 0;
}
