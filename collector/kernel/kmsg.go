package kernel

import (
	"bytes"
	"iter"
	"math"
)

// OOMKill is a kill by the kernel for want of memory, as the log tells it. It
// is the only word that outlives the cgroup.
type OOMKill struct {
	TaskMemcg string // cgroup of the killed process
	OOMMemcg  string // cgroup whose limit was hit; empty when the machine had no memory left
	BootUsec  uint64 // time since boot
	Task      string // name of the killed process
	PID       int32
	UID       uint32
}

// ParseKmsgOOM parses one record of /dev/kmsg. It is not ok for a record that is
// no summary of an OOM kill (since Linux 5.0), nor for one that the log cut
// off, nor for one that is not of the kernel: programs may write to the log. Paths and names may hold any byte but 0, commas too. A record that can
// be read in two ways is not ok either: a kill must not be put down to somebody
// else.
func ParseKmsgOOM(record []byte) (OOMKill, bool) {
	usec, text, ok := cutKmsg(record)
	if !ok || !bytes.HasPrefix(text, []byte("oom-kill:")) {
		return OOMKill{}, false
	}
	rest, ok := cutConstraint(text)
	if !ok {
		return OOMKill{}, false
	}
	k := OOMKill{BootUsec: usec}
	if rest, ok = k.cutNumbers(rest); !ok {
		return OOMKill{}, false
	}
	paths, ok := k.cutTask(rest)
	if !ok || !k.cutPaths(paths) {
		return OOMKill{}, false
	}
	return k, true
}

// cutKmsg splits "prio,seq,usec,flags;text\n" and drops the continuation lines
// with the fields of a device. The priority is 8 times the facility, and a
// level. The facility 0 is the kernel's own: what a program writes to /dev/kmsg
// gets another, whatever it asks for.
func cutKmsg(record []byte) (usec uint64, text []byte, ok bool) {
	head, text, ok := bytes.Cut(record, []byte{';'})
	if !ok {
		return 0, nil, false
	}
	field, head, _ := cutByte(head, ',')
	if prio, ok := parseUint(field); !ok || prio>>3 != 0 {
		return 0, nil, false
	}
	_, head, _ = cutByte(head, ',') // sequence number
	field, _, _ = cutByte(head, ',')
	usec, ok = parseUint(field)
	text, _, _ = bytes.Cut(text, []byte{'\n'})
	return usec, text, ok
}

// cutConstraint drops what comes before the paths. That includes the name of a
// cpuset, which somebody may choose; but a name holds no slash, so the first of
// these keys that is followed by one is the kernel's own.
func cutConstraint(text []byte) ([]byte, bool) {
	const local, global = ",oom_memcg=/", ",global_oom,task_memcg=/"
	i, j := bytes.Index(text, []byte(local)), bytes.Index(text, []byte(global))
	switch {
	case i >= 0 && (j < 0 || i < j):
		return text[i:], true
	case j >= 0:
		return text[j+len(",global_oom"):], true
	}
	return nil, false
}

// cutNumbers takes ",pid=N,uid=N" off the end.
func (k *OOMKill) cutNumbers(b []byte) (rest []byte, ok bool) {
	rest, uid, ok := cutLast(b, ",uid=")
	if !ok || uid > math.MaxUint32 {
		return nil, false
	}
	rest, pid, ok := cutLast(rest, ",pid=")
	if !ok || pid > math.MaxInt32 {
		return nil, false
	}
	k.PID, k.UID = int32(pid), uint32(uid)
	return rest, true
}

func cutLast(b []byte, key string) (rest []byte, v uint64, ok bool) {
	i := bytes.LastIndex(b, []byte(key))
	if i < 0 {
		return nil, 0, false
	}
	v, ok = parseUint(b[i+len(key):])
	return b[:i], v, ok
}

// cutTask takes ",task=NAME" off the end. There must be one place only where
// what follows is short enough for the name of a process.
func (k *OOMKill) cutTask(b []byte) (paths []byte, ok bool) {
	const key, maxName = ",task=", 15
	for at := range indexes(b, key) {
		task := unescapeKmsg(b[at+len(key):])
		if len(task) > maxName {
			continue
		}
		if ok {
			return nil, false
		}
		k.Task, paths, ok = task, b[:at], true
	}
	return paths, ok
}

// cutPaths reads ",oom_memcg=/A,task_memcg=/A/B", or the latter alone. There
// must be one place only where the second path lies within the first.
func (k *OOMKill) cutPaths(b []byte) (ok bool) {
	const local, task = ",oom_memcg=", ",task_memcg="
	if !bytes.HasPrefix(b, []byte(local)) {
		if !bytes.HasPrefix(b, []byte(task)) {
			return false
		}
		k.TaskMemcg = unescapeKmsg(b[len(task):])
		return true
	}
	b = b[len(local):]
	for at := range indexes(b, task) {
		outer, inner := b[:at], b[at+len(task):]
		if !within(inner, outer) {
			continue
		}
		if ok {
			return false
		}
		k.OOMMemcg, k.TaskMemcg, ok = unescapeKmsg(outer), unescapeKmsg(inner), true
	}
	return ok
}

// indexes yields where key is found in b.
func indexes(b []byte, key string) iter.Seq[int] {
	return func(yield func(int) bool) {
		for from := 0; ; {
			i := bytes.Index(b[from:], []byte(key))
			if i < 0 || !yield(from+i) {
				return
			}
			from += i + len(key)
		}
	}
}

// within reports whether the cgroup inner is outer or lies below it.
func within(inner, outer []byte) bool {
	if !bytes.HasPrefix(inner, outer) {
		return false
	}
	return len(inner) == len(outer) || string(outer) == "/" || inner[len(outer)] == '/'
}

// unescapeKmsg undoes the escapes of /dev/kmsg: \xNN for bytes that are not
// printable ASCII, and for the backslash.
func unescapeKmsg(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) && b[i+1] == 'x' {
			hi, ok := unhex(b[i+2])
			lo, ok2 := unhex(b[i+3])
			if ok && ok2 {
				out = append(out, hi<<4|lo)
				i += 3
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}
