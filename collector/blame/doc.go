// Package blame estimates why guests waited, and for whom. It is pure over readings:
// it reads no file, asks no clock, and is told what was read as of when.
//
// Split says how much of a guest's steal its own quotas explain. Ring takes the rest,
// and the waiting for I/O and for memory, from reading to reading, and puts it on who
// is to blame. Where it was measured who ran while a guest waited for a CPU, it splits
// the steal as that says (measured.go). See cpu.go, io.go and memory.go for the three resources, account.go for
// how a guest's waiting is split without anything being lost, and places.go for who is
// inside whom. Where it cannot tell, it says unexplained.
package blame
