/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Who ran while whom waited. */
#pragma once
#include "slots.h"

/* Set before loading. */
const volatile u32 slot_bits = 9; /* there are 1 << slot_bits slots */

/* Nanoseconds by who waited and who ran meanwhile. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} blamed SEC(".maps");

static __always_inline void blame(u32 victim, u32 slot, u64 ns)
{
	u32 at = (victim << slot_bits) | slot;
	u64 *total = bpf_map_lookup_elem(&blamed, &at);
	if (total)
		__sync_fetch_and_add(total, ns);
}
