package bpf

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/fixtures/fusefs"
)

// requestsOf returns the latencies of a superblock's requests by operation code, and
// fails where one is listed twice.
func (s *Source) requestsOf(t *testing.T, device uint64) map[string]model.Histogram {
	t.Helper()
	r, err := s.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]model.Histogram)
	for _, one := range r.Requests {
		if one.Device != device {
			continue
		}
		if _, twice := found[one.Opcode]; twice {
			t.Errorf("%s is listed twice", one.Opcode)
		}
		found[one.Opcode] = *one.Latency
	}
	return found
}

// deviceOf returns the number of a file's superblock, as in mountinfo.
func deviceOf(t *testing.T, name string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	return uint64(unix.Major(st.Dev))<<20 | uint64(unix.Minor(st.Dev))
}

func TestRequestsTakeAsLongAsTheyAreDelayed(t *testing.T) {
	if !fusefs.InNamespace(t) {
		return
	}
	s := opened(t, Options{Without: only("fuse")})
	late := fusefs.Mount(t, fusefs.Options{Dir: t.TempDir(), Source: t.TempDir(), Name: "late", Seed: 1})
	prompt := fusefs.Mount(t, fusefs.Options{Dir: t.TempDir(), Source: t.TempDir(), Name: "prompt", Seed: 1})
	device := deviceOf(t, late.Dir)

	const delay = 5 * time.Millisecond
	late.SetDelays(fusefs.Delays{fusefs.Lookup: {Min: delay, Max: delay}})
	late.Take()
	before, other := s.requestsOf(t, device), s.requestsOf(t, deviceOf(t, prompt.Dir))["lookup"]
	const times = 40
	var client time.Duration
	for range times {
		began := fusefs.Now()
		for _, m := range []*fusefs.Server{late, prompt} {
			if _, err := os.Stat(filepath.Join(m.Dir, "none")); !os.IsNotExist(err) {
				t.Fatalf("found what is not there: %v", err)
			}
			if m == late {
				client += time.Duration(fusefs.Now() - began)
			}
		}
	}
	after := s.requestsOf(t, device)
	var server time.Duration
	for _, r := range late.Take() {
		if r.Class == fusefs.Lookup {
			server += r.Service()
		}
	}

	lookups, was := after["lookup"], before["lookup"]
	if n := lookups.Count() - was.Count(); n != times {
		t.Fatalf("%d lookups, want %d", n, times)
	}
	took := lookups.Sum - was.Sum
	if took < server.Seconds() || took > client.Seconds() {
		t.Errorf("lookups took %v s; the server had them for %v, the client waited for %v", took, server, client)
	}
	t.Logf("lookups took %v s; the server had them for %v, the client waited for %v", took, server, client)
	for slot, n := range lookups.Counts[:model.Slot(delay.Seconds())] {
		if n != was.Counts[slot] {
			t.Errorf("%d lookups took less than the delay, in slot %d", n-was.Counts[slot], slot)
		}
	}
	if n := s.requestsOf(t, deviceOf(t, prompt.Dir))["lookup"]; n.Count()-other.Count() != times || n.Sum-other.Sum >= took {
		t.Errorf("the other mount has %d lookups of %v s in all", n.Count()-other.Count(), n.Sum-other.Sum)
	}
}

func TestRequestsOfEachKind(t *testing.T) {
	if !fusefs.InNamespace(t) {
		return
	}
	s := opened(t, Options{Without: only("fuse")})
	m := fusefs.Mount(t, fusefs.Options{Dir: t.TempDir(), Source: t.TempDir(), Name: "kinds", Seed: 1})
	device, file := deviceOf(t, m.Dir), filepath.Join(m.Dir, "file")
	m.Take()
	before := s.requestsOf(t, device)
	for _, do := range []func() error{
		func() error { return os.WriteFile(file, make([]byte, 4096), 0o600) },
		func() error { _, err := os.ReadFile(file); return err },
		func() error { _, err := os.ReadDir(m.Dir); return err },
		func() error { return os.Rename(file, file+"2") },
		func() error { return os.Remove(file + "2") },
		func() error { return unix.Statfs(m.Dir, &unix.Statfs_t{}) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	after := s.requestsOf(t, device)
	count := func(opcodes ...string) (n uint64) {
		for _, o := range opcodes {
			is, was := after[o], before[o]
			n += is.Count() - was.Count()
		}
		return n
	}
	want := make(map[fusefs.Class]uint64)
	for _, r := range m.Take() {
		want[r.Class]++
	}
	for class, opcodes := range map[fusefs.Class][]string{
		fusefs.Lookup: {"lookup"}, fusefs.GetAttr: {"getattr", "statx"}, fusefs.StatFS: {"statfs"}, fusefs.Read: {"read"},
		fusefs.ReadDir: {"readdir", "readdirplus"}, fusefs.Create: {"create"}, fusefs.Write: {"write"},
		fusefs.Rename: {"rename", "rename2"}, fusefs.Unlink: {"unlink"},
	} {
		if n := count(opcodes...); n != want[class] || n == 0 {
			t.Errorf("%d requests %v, the server had %d", n, opcodes, want[class])
		}
	}
	for _, none := range []string{"forget", "batch_forget", otherRequests} {
		if count(none) != 0 {
			t.Errorf("%s: %d", none, count(none))
		}
	}
}
