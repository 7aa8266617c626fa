/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Exits of virtual CPUs from guest mode, by the processor's own reason.
 *
 * kvm_exit is passed at every exit, in the thread of the virtual CPU. There are up to
 * a million of them a second on a host: whose the thread is is kept for each CPU, and
 * the number of the reason becomes a row by a table.
 */
#include "task.h"

#define ROWS 96
#define NUMBERS 512
#define CACHE 64

/* How the reason is given, by the arguments of the tracepoint. */
enum {
	FORM_READ = 0,  /* (vcpu, isa): it lies beside the vcpu */
	FORM_GIVEN = 1, /* (reason, vcpu, isa) */
	FORM_ARM64 = 2, /* (code, class of the syndrome, address) */
};

/* Instruction sets of virtualization: KVM's numbers, and one of ours. */
enum {
	ISA_VMX = 1,
	ISA_SVM = 2,
	ISA_ARM64 = 3,
	ISAS = 4,
};

/* Numbers that stand for what has none below NUMBERS. See exits_reasons.go. */
enum {
	NUMBER_NESTED = 0x100, /* SVM: 0x400 and the 15 that follow */
	NUMBER_ERROR = 0x110,  /* SVM: the processor refused the guest's state */
	NUMBER_OTHER = 0x111,
	NUMBER_CODE = 0x40,    /* arm64: what is no trap */
};

#define SVM_ERROR 0xffffffff /* the lower half of -1 */
#define NO_CODE 0xfffffffe

/* Set before loading. */
const volatile u32 form = FORM_READ;
const volatile u32 vmx_reason = 0; /* bytes from the vcpu to the reason; 0 is not known */
const volatile u32 svm_vmcb = 0;   /* bytes from the vcpu to the pointer to its VMCB; 0 is not known, */
const volatile u32 svm_code = 0;   /* and from there to the exit code */
const volatile u32 slots = 512;
const volatile u32 shard_mask = 0; /* CPUs share what they count into */
const volatile u8 rows[ISAS * NUMBERS] = {};

u32 generation; /* changes with each change of places */
u32 isa;        /* of the last exit; a machine has one */

/* The slot of a thread. Numbers of threads are used again. */
struct cached {
	u64 thread;
	u64 group; /* of its cgroup, and the generation */
	u64 slot;
};

struct cpu {
	struct cached threads[CACHE];
};

struct exits {
	u64 count[ROWS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cpu);
} cpus SEC(".maps");

/* Exits by shard and slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct exits);
} counted SEC(".maps");

/* slot_of returns the slot of a thread. */
static __always_inline u32 slot_of(struct task_struct *task)
{
	struct cgroup_subsys_state *css = cpu_css(task);
	u64 group = css->serial_nr + ((u64)generation << 40) + 1;
	u32 pid = task->pid, zero = 0;
	u64 thread = ((u64)task->tgid << 32) + pid;
	struct cpu *c = bpf_map_lookup_elem(&cpus, &zero);

	if (!c)
		return SLOT_OTHER;
	struct cached *kept = &c->threads[pid % CACHE];
	if (kept->thread != thread || kept->group != group) {
		u32 place = narrow(find_place(css), task);
		kept->slot = place & PLACE_VICTIM ? place & PLACE_SLOT : SLOT_OTHER;
		kept->thread = thread;
		kept->group = group;
	}
	return kept->slot;
}

/* read_vmx returns the reason of an exit. */
static __always_inline u32 read_vmx(u64 vcpu)
{
	u32 reason = 0;
	if (!vmx_reason || bpf_probe_read_kernel(&reason, sizeof(reason), (void *)(vcpu + vmx_reason)))
		return NUMBER_OTHER;
	return reason;
}

/* read_svm returns the exit code. */
static __always_inline u32 read_svm(u64 vcpu)
{
	u64 vmcb = 0;
	u32 code = 0; /* where there are 64 bits, the lower ones */
	if (!svm_vmcb || bpf_probe_read_kernel(&vmcb, sizeof(vmcb), (void *)(vcpu + svm_vmcb)) ||
	    bpf_probe_read_kernel(&code, sizeof(code), (void *)(vmcb + svm_code)))
		return NO_CODE;
	return code;
}

/* number_of_svm returns the number that stands for an exit code. */
static __always_inline u32 number_of_svm(u32 code)
{
	if (code < NUMBER_NESTED)
		return code;
	if (code >> 4 == 0x40)
		return NUMBER_NESTED + (code & 0xf);
	return code == SVM_ERROR ? NUMBER_ERROR : NUMBER_OTHER;
}

/* number_of returns the number of the reason of an exit on x86. */
static __always_inline u32 number_of(u64 *ctx, u32 set)
{
	u32 number = NUMBER_OTHER;
	if (set == ISA_VMX)
		number = (form == FORM_GIVEN ? (u32)ARG(ctx, 0) : read_vmx(ctx[0])) & 0xffff; /* above are flags */
	else if (set == ISA_SVM)
		number = number_of_svm(form == FORM_GIVEN ? (u32)ARG(ctx, 0) : read_svm(ctx[0]));
	return number < NUMBERS ? number : NUMBER_OTHER;
}

/* set_of returns the instruction set of an exit on x86. */
static __always_inline u32 set_of(u64 *ctx)
{
	u32 set;
	if (form == FORM_GIVEN) {
		set = ARG(ctx, 2);
		barrier_var(set); /* not one read at either place: the verifier takes none */
		return set;
	}
	return ARG(ctx, 1);
}

/* number_of_arm64 returns the number of the reason of an exit there. The highest bit of
 * the code says that there was an error of the system too. */
static __always_inline u32 number_of_arm64(u64 *ctx)
{
	u32 code = (u32)ARG(ctx, 0) & 0x7fffffff;
	if (code == 2)
		return ARG(ctx, 1) & 0x3f;
	return code < 16 ? NUMBER_CODE + code : NUMBER_OTHER;
}

SEC("tp_btf/kvm_exit")
int kvm_exit(u64 *ctx)
{
	u32 slot = slot_of(bpf_get_current_task_btf());
	if (slot <= SLOT_UNKNOWN || slot >= slots)
		return 0; /* nobody's */

	u32 set, number;
	if (form == FORM_ARM64) {
		set = ISA_ARM64;
		number = number_of_arm64(ctx);
	} else {
		set = set_of(ctx);
		number = number_of(ctx, set);
	}
	if (isa != set)
		isa = set;
	u32 at = (set % ISAS) * NUMBERS + number % NUMBERS;
	barrier_var(at); /* the compiler knows that it is small, the verifier does not */
	u32 row = rows[at % (ISAS * NUMBERS)];

	at = (bpf_get_smp_processor_id() & shard_mask) * slots + slot;
	struct exits *e = bpf_map_lookup_elem(&counted, &at);
	if (e && row < ROWS)
		__sync_fetch_and_add(&e->count[row], 1);
	return 0;
}
