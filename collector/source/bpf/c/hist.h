/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Histograms of latencies. */
#pragma once
#include "kernel.h"

#define BUCKETS 32

/* bucket returns the place in a histogram: bucket i holds what is over 2^(i-21) and
 * up to 2^(i-20) seconds. */
static __always_inline u32 bucket(u64 ns)
{
	u64 u = ns < (1ULL << 43) ? (ns * 1125900) >> 20 : 1ULL << 43; /* 2^-30 seconds */
	u32 log = 0;

	if (u)
		u--;
	if (u >> 32) { log += 32; u >>= 32; }
	if (u >> 16) { log += 16; u >>= 16; }
	if (u >> 8) { log += 8; u >>= 8; }
	if (u >> 4) { log += 4; u >>= 4; }
	if (u >> 2) { log += 2; u >>= 2; }
	if (u >> 1) { log += 1; u >>= 1; }
	log += u;
	if (log <= 10)
		return 0;
	return log - 10 < BUCKETS ? log - 10 : BUCKETS - 1;
}
