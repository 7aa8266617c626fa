/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Who ran while whom waited. */
#pragma once
#include "slots.h"

/* Set before loading. */
const volatile u32 slots = 512; /* how many there are */

/* Nanoseconds by who waited and who ran meanwhile: a row for each slot that may wait,
 * and where many CPUs count as many rows for each shard of them. All add to it in one
 * step, for readers set to 0 what they have read. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} blamed SEC(".maps");

static __always_inline void blame_pair(u32 row, u32 slot, u64 ns)
{
	u32 at = row * slots + slot;
	u64 *total = bpf_map_lookup_elem(&blamed, &at);
	if (total)
		__sync_fetch_and_add(total, ns);
}
