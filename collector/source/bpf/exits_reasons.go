package bpf

// What the kernel calls the instruction sets of virtualization, and one of ours: see
// c/exits.bpf.c.
const (
	isaVMX   = 1
	isaSVM   = 2
	isaARM64 = 3
	numISAs  = 4
)

// exitNumbers is how many numbers of reasons are told apart on each.
const exitNumbers = 512

// Numbers that stand for what has none below exitNumbers: see c/exits.bpf.c.
const (
	svmNested  = 0x100 // for 0x400
	svmError   = 0x110
	arm64Codes = 0x40
)

// exitRows is the number of reasons of a guest that are counted apart. Row 0 is that of
// the others.
const exitRows = 96

// exitTable says which row each number has, and what the rows are called.
type exitTable struct {
	rows  [numISAs * exitNumbers]uint8
	names [numISAs][]string
}

func newExitTable() *exitTable {
	t := &exitTable{}
	for isa := range t.names {
		t.names[isa] = []string{otherExits}
	}
	t.add(isaVMX, vmxExits())
	t.add(isaSVM, svmExits())
	t.add(isaARM64, arm64Exits())
	return t
}

// add takes the reasons of an instruction set by their numbers: their names as the kernel
// has them, in small letters, empty where it has none. Numbers of one name are one reason.
func (t *exitTable) add(isa int, all []string) {
	known := make(map[string]int)
	for number, name := range all {
		if name == "" {
			continue
		}
		row, ok := known[name]
		if !ok {
			row = len(t.names[isa])
			known[name] = row
			t.names[isa] = append(t.names[isa], name)
		}
		t.rows[isa*exitNumbers+number] = uint8(row)
	}
}

// name returns what a row is called on an instruction set.
func (t *exitTable) name(isa uint32, row int) string {
	if isa < numISAs && row < len(t.names[isa]) {
		return t.names[isa][row]
	}
	return otherExits
}

// vmxExits lists Intel's: EXIT_REASON_ of asm/vmx.h. Those that name the same
// instruction with another operand are one.
func vmxExits() []string {
	return []string{
		0: "exception_nmi", 1: "external_interrupt", 2: "triple_fault", 3: "init_signal", 4: "sipi_signal", 6: "other_smi",
		7: "interrupt_window", 8: "nmi_window", 9: "task_switch", 10: "cpuid", 12: "hlt", 13: "invd", 14: "invlpg",
		15: "rdpmc", 16: "rdtsc", 18: "vmcall", 19: "vmclear", 20: "vmlaunch", 21: "vmptrld", 22: "vmptrst",
		23: "vmread", 24: "vmresume", 25: "vmwrite", 26: "vmoff", 27: "vmon", 28: "cr_access", 29: "dr_access",
		30: "io_instruction", 31: "msr_read", 32: "msr_write", 33: "invalid_state", 34: "msr_load_fail",
		36: "mwait_instruction", 37: "monitor_trap_flag", 39: "monitor_instruction", 40: "pause_instruction",
		41: "mce_during_vmentry", 43: "tpr_below_threshold", 44: "apic_access", 45: "eoi_induced", 46: "gdtr_idtr",
		47: "ldtr_tr", 48: "ept_violation", 49: "ept_misconfig", 50: "invept", 51: "rdtscp", 52: "preemption_timer",
		53: "invvpid", 54: "wbinvd", 55: "xsetbv", 56: "apic_write", 57: "rdrand", 58: "invpcid", 59: "vmfunc",
		60: "encls", 61: "rdseed", 62: "pml_full", 63: "xsaves", 64: "xrstors", 67: "umwait", 68: "tpause",
		74: "bus_lock", 75: "notify", 76: "seamcall", 77: "tdcall", 84: "msr_read", 85: "msr_write",
	}
}

// svmExits lists AMD's: SVM_EXIT_ of asm/svm.h. Debug registers are one for reading and
// one for writing. Exceptions have no names of their own there: excp_ and the
// processor's.
func svmExits() []string {
	all := []string{
		0x00: "read_cr0", 0x02: "read_cr2", 0x03: "read_cr3", 0x04: "read_cr4", 0x08: "read_cr8",
		0x10: "write_cr0", 0x12: "write_cr2", 0x13: "write_cr3", 0x14: "write_cr4", 0x18: "write_cr8",
		0x40: "excp_de", 0x41: "excp_db", 0x43: "excp_bp", 0x44: "excp_of", 0x46: "excp_ud", 0x47: "excp_nm",
		0x4c: "excp_ss", 0x4d: "excp_gp", 0x4e: "excp_pf", 0x51: "excp_ac", 0x52: "excp_mc",
		0x60: "intr", 0x61: "nmi", 0x62: "smi", 0x63: "init", 0x64: "vintr", 0x65: "cr0_sel_write",
		0x66: "idtr_read", 0x67: "gdtr_read", 0x68: "ldtr_read", 0x69: "tr_read",
		0x6a: "idtr_write", 0x6b: "gdtr_write", 0x6c: "ldtr_write", 0x6d: "tr_write",
		0x6e: "rdtsc", 0x6f: "rdpmc", 0x70: "pushf", 0x71: "popf", 0x72: "cpuid", 0x73: "rsm", 0x74: "iret",
		0x75: "swint", 0x76: "invd", 0x77: "pause", 0x78: "hlt", 0x79: "invlpg", 0x7a: "invlpga", 0x7b: "ioio",
		0x7c: "msr", 0x7d: "task_switch", 0x7e: "ferr_freeze", 0x7f: "shutdown", 0x80: "vmrun", 0x81: "vmmcall",
		0x82: "vmload", 0x83: "vmsave", 0x84: "stgi", 0x85: "clgi", 0x86: "skinit", 0x87: "rdtscp", 0x88: "icebp",
		0x89: "wbinvd", 0x8a: "monitor", 0x8b: "mwait", 0x8c: "mwait_cond", 0x8d: "xsetbv", 0x8e: "rdpru",
		0x8f: "efer_write_trap", 0x90: "cr0_write_trap", 0x94: "cr4_write_trap", 0x98: "cr8_write_trap",
		0xa2: "invpcid", 0xa5: "bus_lock", 0xa6: "idle_hlt",
		svmNested: "npf", svmNested + 1: "avic_incomplete_ipi", svmNested + 2: "avic_unaccelerated_access", svmNested + 3: "vmgexit",
		svmError: "err",
	}
	for i := range 16 {
		all[0x20+i], all[0x30+i] = "read_dr", "write_dr"
	}
	return all
}

// arm64Exits lists those of arm64: ESR_ELx_EC_ of asm/esr.h for traps, and for what is
// none ARM_EXCEPTION_ of asm/kvm_asm.h.
func arm64Exits() []string {
	return []string{
		0x00: "unknown", 0x01: "wfx", 0x03: "cp15_32", 0x04: "cp15_64", 0x05: "cp14_mr", 0x06: "cp14_ls", 0x07: "fp_asimd",
		0x08: "cp10_id", 0x09: "pac", 0x0a: "other_ec", 0x0c: "cp14_64", 0x0d: "bti", 0x0e: "ill",
		0x11: "svc32", 0x12: "hvc32", 0x13: "smc32", 0x14: "sysreg128", 0x15: "svc64", 0x16: "hvc64", 0x17: "smc64",
		0x18: "sys64", 0x19: "sve", 0x1a: "eret", 0x1c: "fpac", 0x1d: "sme", 0x1f: "imp_def", 0x20: "iabt_low", 0x21: "iabt_cur",
		0x22: "pc_align", 0x24: "dabt_low", 0x25: "dabt_cur", 0x26: "sp_align", 0x27: "mops", 0x28: "fp_exc32", 0x2c: "fp_exc64",
		0x2d: "gcs", 0x2f: "serror", 0x30: "breakpt_low", 0x31: "breakpt_cur", 0x32: "softstp_low", 0x33: "softstp_cur",
		0x34: "watchpt_low", 0x35: "watchpt_cur", 0x38: "bkpt32", 0x3a: "vector32", 0x3c: "brk64",
		arm64Codes: "irq", arm64Codes + 1: "el1_serror", arm64Codes + 3: "il",
	}
}
