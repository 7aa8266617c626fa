package manifests

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// rootPrefix begins the names of the directories of nodes.
const rootPrefix = "virtnode"

// noteFile is in the root of a node: the first line is the process of the test, as
// owner has it, and each other a cgroup that it makes.
const noteFile = "test"

// owner names a process: numbers are given anew, with another start. It is empty where
// there is no such process.
func owner(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := bytes.Cut(b, []byte(") ")) // no test is called like that
	fields := bytes.Fields(rest)
	const start = 19 // of what follows the name
	if len(fields) <= start || string(fields[0]) == "Z" {
		return ""
	}
	return fmt.Sprintf("%d %s", pid, fields[start])
}

// note keeps whose a node is, and which cgroups.
func (n *node) note(cgroups []string) {
	n.Helper()
	text := owner(os.Getpid()) + "\n" + strings.Join(cgroups, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(n.root, noteFile), []byte(text), 0o600); err != nil {
		n.Fatal(err)
	}
}

// removeLeftovers clears away the nodes of tests that were killed. What runs in one is
// known by its files: containerd and its shims were started from there, and its pods are
// in cgroups of the ids that it has.
func removeLeftovers(t *testing.T) {
	t.Helper()
	notes, _ := filepath.Glob(filepath.Join(os.TempDir(), rootPrefix+"*", noteFile))
	for _, file := range notes {
		lines := strings.Split(strings.TrimSpace(string(read(t, file))), "\n")
		pid, _, _ := strings.Cut(lines[0], " ")
		if number, err := strconv.Atoi(pid); err != nil || owner(number) == lines[0] {
			continue
		}
		root := filepath.Dir(file)
		t.Logf("clearing away %s, of a test that was killed", root)
		for range 50 { // a shim may start something yet
			if endProcesses(root) == 0 {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		for _, dir := range lines[1:] {
			removeGroups(dir)
		}
		removeTree(t, root)
	}
}

// endProcesses kills what runs in a node, and returns how many there were.
func endProcesses(root string) (found int) {
	var ids []string
	tasks, _ := filepath.Glob(filepath.Join(root, "run/containerd/io.containerd.runtime.v2.task/k8s.io/*"))
	for _, dir := range tasks {
		ids = append(ids, filepath.Base(dir))
	}
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range processes {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // one that is gone has none
		cgroups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		inPod := slices.ContainsFunc(ids, func(id string) bool { return bytes.Contains(cgroups, []byte("/"+id+"\n")) })
		ofNode := bytes.HasPrefix(args, []byte(root+"/")) || bytes.Contains(args, []byte("\x00"+root+"/"))
		if inPod || ofNode {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended
			found++
		}
	}
	return found
}

// end asks a process to end, and kills it where it does not.
func end(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	_ = cmd.Process.Signal(unix.SIGTERM) // it may have ended
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it was ended: how is no news
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Errorf("%s does not end", cmd.Path)
		_ = cmd.Process.Kill()
		<-ended
	}
}
