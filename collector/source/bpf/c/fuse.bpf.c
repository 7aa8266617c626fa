/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Requests of FUSE and virtiofs file systems: from when they are given to who serves
 * them until they are answered. What waits in the kernel before it is given away,
 * because too many are under way in the background, is not seen.
 *
 * The kernel has these tracepoints since Linux 6.11.
 */
#include "hist.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block {
	u32 s_dev;
};

struct fuse_mount {
	struct super_block *sb;
};

struct fuse_in_header {
	u32 opcode;
};

struct fuse_req {
	unsigned long flags;
	struct {
		struct fuse_in_header h;
	} in;
	struct fuse_mount *fm;
};

enum fuse_req_flag {
	FR_ISREPLY,
};

#pragma clang attribute pop

struct started {
	u64 ns;
	u32 device;
	u32 opcode;
};

/* Requests that were not answered yet, by their address. One that is given up before
 * anybody has read it never ends: such ones are put out in time. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, u64);
	__type(value, struct started);
} requests SEC(".maps");

struct kind {
	u32 device; /* of the superblock: major << 20 | minor */
	u32 opcode;
};

struct latency {
	u64 buckets[BUCKETS];
	u64 ns;
};

/* Those that were answered. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, struct kind);
	__type(value, struct latency);
} answered SEC(".maps");

const struct latency none;

u64 start_unknown; /* answered requests whose start is not known (any more) */
u64 no_room;       /* answered requests that answered had no room for */

SEC("tp_btf/fuse_request_send")
int fuse_request_send(u64 *ctx)
{
	struct fuse_req *req = PTR(struct fuse_req, ctx, 0);
	u64 key = ARG(ctx, 0);

	/* What nobody answers ends when it is read. */
	if (!(req->flags & (1UL << enum_value(enum fuse_req_flag, FR_ISREPLY))))
		return 0;
	struct started s = {
		.ns = bpf_ktime_get_ns(),
		.device = req->fm->sb->s_dev,
		.opcode = req->in.h.opcode,
	};
	bpf_map_update_elem(&requests, &key, &s, BPF_ANY);
	return 0;
}

/* latency_of returns what a latency is counted in. */
static __always_inline struct latency *latency_of(struct kind *kind)
{
	struct latency *l = bpf_map_lookup_elem(&answered, kind);
	if (l)
		return l;
	bpf_map_update_elem(&answered, kind, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&answered, kind); /* made here, or by another CPU */
}

SEC("tp_btf/fuse_request_end")
int fuse_request_end(u64 *ctx)
{
	struct fuse_req *req = PTR(struct fuse_req, ctx, 0);
	u64 key = ARG(ctx, 0);
	struct started *s = bpf_map_lookup_elem(&requests, &key);

	if (!s) {
		if (req->flags & (1UL << enum_value(enum fuse_req_flag, FR_ISREPLY)))
			__sync_fetch_and_add(&start_unknown, 1);
		return 0;
	}
	struct kind kind = {.device = s->device, .opcode = s->opcode};
	u64 ns = bpf_ktime_get_ns() - s->ns;
	bpf_map_delete_elem(&requests, &key);
	if (!kind.device)
		return 0; /* of a character device: there is no mount */
	struct latency *l = latency_of(&kind);
	if (!l) {
		__sync_fetch_and_add(&no_room, 1);
		return 0;
	}
	__sync_fetch_and_add(&l->buckets[bucket(ns) % BUCKETS], 1);
	__sync_fetch_and_add(&l->ns, ns);
	return 0;
}
