/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What cgroups did to disks, request by request, when each is complete.
 *
 * The kernel's own stamps say when a request was made and when the device got it. It
 * sets them only where it needs them itself: for the time in the device where the
 * scheduler or the writeback throttle wants statistics, for the whole where
 * queue/iostats is on. For the other queues a second program notes when requests are
 * given to the device.
 *
 * What lies on other devices without requests of its own (device-mapper, md, zram) is
 * not seen: its parts at the bottom are.
 */
#include "hist.h"
#include "slots.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct gendisk {
	s32 major, first_minor; /* of the whole disk */
};

struct request_queue {
	struct gendisk *disk; /* since Linux 5.15 */
};

struct blkcg {
	struct cgroup_subsys_state css;
};

struct blkcg_gq {
	struct blkcg *blkcg;
};

struct bio {
	struct blkcg_gq *bi_blkg;
	void *bi_io_vec;
};

struct request {
	struct request_queue *q;
	u32 cmd_flags;
	u32 __data_len;
	struct bio *bio;
	void *part; /* set where queue/iostats is on */
	u64 start_time_ns, io_start_time_ns;
	void *end_io, *end_io_data;
};

struct request___old {
	struct gendisk *rq_disk; /* before Linux 5.17 */
};

#pragma clang attribute pop

/* Set before loading: before Linux 5.11 block_rq_issue had the queue before the
 * request. */
const volatile u32 queue_first = 0;

/* Operations of the kernel's: enum req_op. */
#define REQ_OP_MASK 0xff
enum { REQ_OP_FLUSH = 2, REQ_OP_DISCARD = 3, REQ_OP_OF_DRIVERS = 32 };

/* Operations as they are counted: see block_figures.go. */
enum {
	OP_READ,
	OP_WRITE,
	OP_FLUSH,   /* somebody had the device's cache written back */
	OP_DISCARD,
	OP_DRAIN,   /* the request that does so, for all who wait for it then */
};

struct key {
	u32 device; /* major << 20 | minor */
	u16 slot;
	u16 op;
};

struct done {
	u64 requests, bytes;
	u64 ns;        /* from the request's making */
	u64 device_ns; /* from when the device got it */
	u64 buckets[BUCKETS];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct key);
	__type(value, struct done);
} dones SEC(".maps");

/* When devices got the requests of queues that have no stamps, by request. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, u64);
} issued SEC(".maps");

/* Whether the kernel stamps the requests of a queue. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, u32);
} stamped SEC(".maps");

u64 lost_full = 0; /* there was no room for a key */
/* Nobody knew when they began: the first, and flushes where iostats is off. */
u64 lost_start = 0;
u64 lost_nameless = 0; /* their device has no number, as the paths of NVMe multipath */

static const struct done nothing = {};

static __always_inline struct done *done_of(struct key *key)
{
	struct done *d = bpf_map_lookup_elem(&dones, key);
	if (!d) {
		bpf_map_update_elem(&dones, key, &nothing, BPF_NOEXIST);
		d = bpf_map_lookup_elem(&dones, key);
	}
	return d;
}

static __always_inline struct gendisk *disk_of(struct request *rq)
{
	struct request___old *old = (void *)rq;
	if (field_exists(old->rq_disk))
		return old->rq_disk;
	return rq->q->disk;
}

/* given returns when the device got a request that was made at begin; 0 if that is
 * not known. A stamp of before then is the last request's. */
static __always_inline u64 given(struct request *rq, u64 begin)
{
	u64 queue = (u64)rq->q, id = (u64)rq, at = rq->io_start_time_ns;
	if (at < begin)
		at = 0;
	u32 now_stamped = at != 0;
	u32 *was_stamped = bpf_map_lookup_elem(&stamped, &queue);

	if (!was_stamped || *was_stamped != now_stamped)
		bpf_map_update_elem(&stamped, &queue, &now_stamped, BPF_ANY);
	if (was_stamped && *was_stamped && now_stamped)
		return at;
	u64 *own = bpf_map_lookup_elem(&issued, &id);
	if (own) {
		/* The event of this one may have been lost, and that of the last one's end. */
		if (!at && *own >= begin)
			at = *own;
		bpf_map_delete_elem(&issued, &id);
	}
	return at;
}

/* op_of returns what a request does, as /proc/diskstats has it: but that counts what
 * only flushes as a write. */
static __always_inline u32 op_of(u32 op, struct bio *bio)
{
	if (op == REQ_OP_FLUSH)
		return OP_DRAIN;
	if (op == REQ_OP_DISCARD)
		return OP_DISCARD;
	if (!(op & 1))
		return OP_READ;
	return op == 1 && !bio->bi_io_vec ? OP_FLUSH : OP_WRITE;
}

SEC("tp_btf/block_rq_complete")
int block_rq_complete(u64 *ctx)
{
	struct request *rq = PTR(struct request, ctx, 0);
	u32 bytes = ARG(ctx, 2), op = rq->cmd_flags & REQ_OP_MASK;
	struct bio *bio = rq->bio;

	if (op >= REQ_OP_OF_DRIVERS || (!bio && op != REQ_OP_FLUSH))
		return 0;
	struct gendisk *disk = disk_of(rq);
	if (!disk)
		return 0;

	struct key key = {
		.device = (u32)disk->major << 20 | disk->first_minor,
		.slot = SLOT_OTHER,
		.op = op_of(op, bio),
	};
	if (!key.device) {
		__sync_fetch_and_add(&lost_nameless, 1);
		return 0;
	}
	if (bio && bio->bi_blkg)
		key.slot = find_place(&bio->bi_blkg->blkcg->css) & PLACE_SLOT;
	struct done *d = done_of(&key);
	if (!d) {
		__sync_fetch_and_add(&lost_full, 1);
		return 0;
	}
	if (bytes)
		__sync_fetch_and_add(&d->bytes, bytes);
	/* A part may be complete before the rest. And what is one request with flushes
	 * before or after it is complete, without bytes, when the last of them is: until
	 * then somebody else wants to know the end. */
	if (bytes != rq->__data_len || (bio && rq->end_io && !rq->end_io_data))
		return 0;

	u64 now = bpf_ktime_get_ns();
	/* Where nobody counts, the stamp is that of who had the memory before. */
	u64 begin = rq->part ? rq->start_time_ns : 0, device = 0;
	/* The device never gets the one, and nobody asks how long it had the other. */
	if (key.op != OP_FLUSH && key.op != OP_DRAIN)
		device = given(rq, begin);
	if (!begin)
		begin = device;
	__sync_fetch_and_add(&d->requests, 1);
	if (!begin) {
		__sync_fetch_and_add(&lost_start, 1);
		return 0;
	}
	u64 ns = now > begin ? now - begin : 0;
	__sync_fetch_and_add(&d->ns, ns);
	__sync_fetch_and_add(&d->buckets[bucket(ns)], 1);
	if (device && now > device)
		__sync_fetch_and_add(&d->device_ns, now - device);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int block_rq_issue(u64 *ctx)
{
	struct request *rq;
	if (queue_first)
		rq = PTR(struct request, ctx, 1);
	else
		rq = PTR(struct request, ctx, 0);

	u64 queue = (u64)rq->q, id = (u64)rq;
	u32 op = rq->cmd_flags & REQ_OP_MASK;
	u32 *known = bpf_map_lookup_elem(&stamped, &queue);
	if ((known && *known) || op >= REQ_OP_OF_DRIVERS || op == REQ_OP_FLUSH)
		return 0;
	u64 now = bpf_ktime_get_ns();
	bpf_map_update_elem(&issued, &id, &now, BPF_ANY);
	return 0;
}
