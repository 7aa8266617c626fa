/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Exits of virtual CPUs that their hypervisor process had to handle.
 *
 * kvm_userspace_exit is passed at the end of every KVM_RUN, in the thread of the
 * virtual CPU. An exit that the kernel handles by itself does not come here.
 */
#include "task.h"

#define EINTR 4
#define REASONS 64

/* Reasons are the numbers of linux/kvm.h. That memory is shared with the process, so
 * that any number may be in it. */
enum {
	KVM_EXIT_INTR = 10,
	KVM_EXIT_MEMORY_FAULT = 39, /* comes with an error */
	REASON_OTHER = 62,
	REASON_ERROR = 63, /* KVM_RUN failed */
};

struct exits {
	u64 count[REASONS];
};

/* Exits by slot and reason. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct exits);
} exits SEC(".maps");

/* reason_of returns the reason of an exit as it is counted. */
static __always_inline u32 reason_of(u32 reason, s32 error)
{
	if (error == -EINTR)
		return KVM_EXIT_INTR; /* the other may be that of the exit before */
	if (error < 0 && reason != KVM_EXIT_MEMORY_FAULT)
		return REASON_ERROR;
	return reason < REASON_OTHER ? reason : REASON_OTHER;
}

SEC("tp_btf/kvm_userspace_exit")
int kvm_userspace_exit(u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 place = narrow(find_place(cpu_css(task)), task);
	u32 slot = place & PLACE_SLOT;
	u32 reason = reason_of(ARG(ctx, 0), ARG(ctx, 1));
	if (!(place & PLACE_VICTIM))
		return 0; /* nobody would read it, until the slot is another's */
	struct exits *e = bpf_map_lookup_elem(&exits, &slot);
	barrier_var(reason); /* the compiler knows that it is small, the verifier does not */
	if (e)
		__sync_fetch_and_add(&e->count[reason % REASONS], 1);
	return 0;
}
