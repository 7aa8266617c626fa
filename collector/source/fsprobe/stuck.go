package fsprobe

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// stuck returns the age of an operation that is not answered, and where it
// waits.
func (t *target) stuck(now time.Time) (model.Opt, *model.Stuck) {
	age := t.waits.age(now)
	if age == 0 {
		return model.Some(0), nil
	}
	if t.waits.pid != 0 {
		if where, ok := look(t.waits.pid, t.waits.tid); ok {
			t.waits.last = where
		}
	}
	where := t.waits.last
	where.Op, where.Reference = string(t.waits.op), t.waits.reference
	return model.Some(age.Seconds()), &where
}

// look says where a helper's thread is. Its files are the kernel's and never hang.
func look(pid, tid int) (where model.Stuck, ok bool) {
	dir := "/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(tid)
	b, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return where, false
	}
	// PID (COMM) STATE …, where COMM may hold anything but ends before the last
	// parenthesis.
	if i := bytes.LastIndexByte(b, ')'); i >= 0 && i+2 < len(b) {
		where.State = string(b[i+2])
	}
	if where.State == "Z" || where.State == "X" {
		return where, false // it has ended
	}
	// "0" is running, or nothing for us to see.
	if b, err := os.ReadFile(dir + "/wchan"); err == nil && string(b) != "0" {
		where.Channel = strings.ToValidUTF8(string(b), "")
	}
	return where, true
}
