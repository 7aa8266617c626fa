package vmm

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// arguments reads command lines. The kernel takes them out of the memory of the
// process, and makes a reader wait for as long as somebody holds its map: a
// process that hangs while it changes that makes ps hang too. Each is read in a
// goroutine of its own, for which nothing waits longer than patience.
type arguments struct {
	waited  time.Duration // in this scan
	procfs  string
	waiting map[int32]*argument
}

type argument struct {
	start  uint64 // of the process, against reuse of its number
	uid    uint32
	answer chan []string
}

const (
	argumentPatience = 50 * time.Millisecond
	maxWait          = 500 * time.Millisecond // of one scan, for all that hang
	maxArguments     = 256 << 10              // bytes of one command line
	maxWaiting       = 512                    // goroutines that hang: a dead mount may hang every machine
	maxWaitingUser   = 8                      // of processes of one user who is not root
)

func newArguments(procfs string) *arguments {
	return &arguments{procfs: procfs, waiting: make(map[int32]*argument)}
}

// get returns the arguments of a process. They may be asked for again while they
// are late, because the kernel makes us wait, and while there are none: a program
// has its name before it has its arguments.
func (a *arguments) get(p *process) (args []string, late bool) {
	w := a.waiting[p.pid]
	asked := w != nil && w.start == p.start
	if !asked {
		if len(a.waiting) > 0 && !a.admits(p.uid) {
			return nil, true
		}
		w = &argument{start: p.start, uid: p.uid, answer: make(chan []string, 1)}
		a.waiting[p.pid] = w
		path := filepath.Join(a.procfs, strconv.Itoa(int(p.pid)), "cmdline")
		go func() { w.answer <- readArguments(path) }()
	}
	if asked && len(w.answer) == 0 {
		return nil, true // it was waited for before
	}
	patience := argumentPatience
	if a.waited >= maxWait {
		patience = time.Millisecond
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case args = <-w.answer:
		delete(a.waiting, p.pid)
		return args, false
	case <-timer.C:
		a.waited += patience
		return nil, true
	}
}

// admits reports whether one more may be asked for, and forgets the answers that
// came for processes that nobody asks about any more.
func (a *arguments) admits(uid uint32) bool {
	ofUser := 0
	for pid, w := range a.waiting {
		switch {
		case len(w.answer) > 0:
			delete(a.waiting, pid)
		case w.uid == uid:
			ofUser++
		}
	}
	return len(a.waiting) < maxWaiting && (uid == 0 || ofUser < maxWaitingUser)
}

func readArguments(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxArguments))
	if err != nil || len(b) == 0 {
		return nil
	}
	var args []string
	for arg := range bytes.SplitSeq(bytes.TrimSuffix(b, []byte{0}), []byte{0}) {
		args = append(args, string(arg))
	}
	return args
}
