package probe

import (
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Names in the directories that are probed: ours, a dash, what they are for
// (nothing for a file that is made), and
// BOOT-PID-NUMBER, which together were never used before.
const (
	namePrefix = ".virt_exporter-"
	noneInfix  = "none-"
)

// name is one, as the kernel takes it: ended by a NUL.
type name [80]byte

// names makes names.
type names struct {
	boot string // eight hexadecimal digits that stand for this boot and this PID namespace
	pid  int
	next uint64
}

func newNames() names {
	n := names{boot: bootID(), pid: os.Getpid()}
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // which every kernel has
	// Not from 0: a process of this boot may have had this PID before.
	n.next = uint64(ts.Nano()) / 1000
	return n
}

// bootID stands for a boot of a kernel and a PID namespace: in another one the
// same PID is another process, although both may see the same directory.
func bootID() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		boot = []byte(rand.Text())
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		namespace = rand.Text()
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %s", boot, namespace)
	return fmt.Sprintf("%08x", h.Sum32())
}

// fresh sets dst to a name for a file that is made.
func (n *names) fresh(dst *name) { n.set(dst, "") }

// none sets dst to a name for which nothing is ever made.
func (n *names) none(dst *name) { n.set(dst, noneInfix) }

func (n *names) set(dst *name, infix string) {
	b := append(dst[:0], namePrefix...)
	b = append(b, infix...)
	b = append(b, n.boot...)
	b = append(b, '-')
	b = strconv.AppendInt(b, int64(n.pid), 10)
	b = append(b, '-')
	b = strconv.AppendUint(b, n.next, 10)
	_ = append(b, 0)
	n.next++
}

// parseName splits a name of fresh's. ok is false for all others.
func parseName(s string) (boot string, pid int, ok bool) {
	s, ok = strings.CutPrefix(s, namePrefix)
	if !ok {
		return "", 0, false
	}
	boot, s, _ = strings.Cut(s, "-")
	process, number, _ := strings.Cut(s, "-")
	pid, err := strconv.Atoi(process)
	_, err2 := strconv.ParseUint(number, 10, 64)
	_, err3 := strconv.ParseUint(boot, 16, 32)
	return boot, pid, len(boot) == 8 && pid > 0 && err == nil && err2 == nil && err3 == nil
}
