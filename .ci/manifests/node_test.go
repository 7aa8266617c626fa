package manifests

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// image is what all containers here are made of. It has a registry, so that containerd
// asks for none: nothing is ever fetched.
const image = "localhost/virt:1"

// node is a containerd of the test's own, which is asked for pods as a kubelet asks.
type node struct {
	*testing.T
	root     string // of its files: /run/containerd of a node is below
	exporter string // the program
	pods     cri.RuntimeServiceClient
}

// with returns the node for a part of the test.
func (n *node) with(t *testing.T) *node {
	part := *n
	part.T = t
	return &part
}

// startNode starts it, or skips the test where that cannot be.
func startNode(t *testing.T) *node {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	for _, program := range []string{"containerd", "ctr", "runc", "busybox", "go"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s", program)
		}
	}
	removeLeftovers(t)
	root, err := os.MkdirTemp("", rootPrefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeTree(t, root) })
	n := &node{T: t, root: root, exporter: filepath.Join(root, "virt_exporter")}
	n.removeCgroups()
	n.build("virt_exporter", "virt_alerter")
	n.containerd()
	return n
}

func (n *node) build(programs ...string) {
	n.Helper()
	for _, name := range programs {
		cmd := exec.CommandContext(n.Context(), "go", "build", "-buildvcs=false", "-o", filepath.Join(n.root, name), "./cmd/"+name)
		cmd.Dir, cmd.Env = top, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			n.Fatalf("building %s: %v: %s", name, err, out)
		}
	}
}

// containerd starts it with the plugin that a kubelet talks to.
func (n *node) containerd() {
	n.Helper()
	socket, state := filepath.Join(n.root, "containerd.sock"), filepath.Join(n.root, "run/containerd")
	config := filepath.Join(n.root, "config.toml")
	text := fmt.Sprintf(`version = 2
root = %[1]q
state = %[2]q
[grpc]
  address = %[3]q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %[4]q
  restrict_oom_score_adj = true
  stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = %[5]q
  conf_dir = %[5]q
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  Root = %[6]q
`, filepath.Join(n.root, "containerd"), state, socket, image, filepath.Join(n.root, "cni"), filepath.Join(n.root, "runc"))
	log, err := os.Create(filepath.Join(n.root, "containerd.log"))
	if err == nil {
		err = os.WriteFile(config, []byte(text), 0o600)
	}
	if err != nil {
		n.Fatal(err)
	}
	cmd := exec.Command("containerd", "-c", config)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGTERM}
	runtime.LockOSThread() // whose end is the parent's
	if err := cmd.Start(); err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { end(n.T, cmd) })
	n.await("containerd", func() bool { return exec.Command("ctr", "-a", socket, "version").Run() == nil })
	file := filepath.Join(n.root, "image.tar")
	n.writeImage(file)
	if out, err := exec.Command("ctr", "-a", socket, "-n", "k8s.io", "images", "import", file).CombinedOutput(); err != nil {
		n.Fatalf("%v: %s", err, out)
	}
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() { _ = conn.Close() })
	n.pods = cri.NewRuntimeServiceClient(conn)
	n.await("the plugin for kubelets", func() bool {
		_, err := n.pods.Version(n.Context(), &cri.VersionRequest{})
		return err == nil
	})
}

// await waits until ok holds.
func (n *node) await(what string, ok func() bool) {
	n.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(n.root, "containerd.log"))
			n.Fatalf("%s: not within 30 s: %s", what, log[max(0, len(log)-2000):])
		}
	}
}

// writeImage writes an image, as "docker save" would, of busybox and the two programs,
// with links to the libraries of the node where that is mounted at /usr.
func (n *node) writeImage(file string) {
	n.Helper()
	var layer, whole bytes.Buffer
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		n.Fatal(err)
	}
	to := tar.NewWriter(&layer)
	for _, dir := range []string{"bin", "data", "dev", "etc", "proc", "sys", "tmp", "run", "usr", "var", "host"} {
		n.add(to, tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	}
	for _, dir := range []string{"lib", "lib64"} {
		n.add(to, tar.Header{Name: dir, Typeflag: tar.TypeSymlink, Linkname: "usr/" + dir}, nil)
	}
	for name, from := range map[string]string{"bin/busybox": busybox, "virt_exporter": n.exporter, "virt_alerter": filepath.Join(n.root, "virt_alerter")} {
		n.add(to, tar.Header{Name: name, Mode: 0o755}, read(n.T, from))
	}
	if err := to.Close(); err != nil {
		n.Fatal(err)
	}
	config := n.json(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Cmd": []string{"/bin/busybox", "sleep", "600"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest(layer.Bytes())}},
	})
	to = tar.NewWriter(&whole)
	n.add(to, tar.Header{Name: digest(config) + ".json", Mode: 0o644}, config)
	n.add(to, tar.Header{Name: "layer.tar", Mode: 0o644}, layer.Bytes())
	n.add(to, tar.Header{Name: "manifest.json", Mode: 0o644}, n.json([]map[string]any{
		{"Config": digest(config) + ".json", "RepoTags": []string{image}, "Layers": []string{"layer.tar"}},
	}))
	if err := to.Close(); err != nil {
		n.Fatal(err)
	}
	if err := os.WriteFile(file, whole.Bytes(), 0o600); err != nil {
		n.Fatal(err)
	}
}

func (n *node) add(to *tar.Writer, h tar.Header, content []byte) {
	n.Helper()
	h.Size = int64(len(content))
	if err := to.WriteHeader(&h); err != nil {
		n.Fatal(err)
	}
	if _, err := to.Write(content); err != nil {
		n.Fatal(err)
	}
}

func (n *node) json(v any) []byte {
	n.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		n.Fatal(err)
	}
	return b
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sandbox starts a pod without containers. It is removed at the end with what it has.
func (n *node) sandbox(config *cri.PodSandboxConfig) (id string) {
	n.Helper()
	ctx, cancel := context.WithTimeout(n.Context(), time.Minute)
	defer cancel()
	r, err := n.pods.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: config})
	if err != nil {
		n.Skipf("containerd runs no pod here: %v", err)
	}
	n.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := n.pods.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: r.PodSandboxId}); err != nil {
			n.Errorf("stopping a pod: %v", err)
		}
		if _, err := n.pods.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: r.PodSandboxId}); err != nil {
			n.Errorf("removing a pod: %v", err)
		}
	})
	return r.PodSandboxId
}

// start starts a container in a pod, and returns a function that says what it has logged.
func (n *node) start(sandbox string, pod *cri.PodSandboxConfig, config *cri.ContainerConfig) (logged func() string) {
	n.Helper()
	config.LogPath = config.Metadata.Name + ".log"
	created, err := n.pods.CreateContainer(n.Context(), &cri.CreateContainerRequest{PodSandboxId: sandbox, Config: config, SandboxConfig: pod})
	if err == nil {
		_, err = n.pods.StartContainer(n.Context(), &cri.StartContainerRequest{ContainerId: created.ContainerId})
	}
	if err != nil {
		n.Fatalf("starting %s: %v", config.Metadata.Name, err)
	}
	return func() string {
		b, _ := os.ReadFile(filepath.Join(pod.LogDirectory, config.LogPath))
		return string(b)
	}
}

// removeTree removes the files of a node. Where something is still mounted there it
// removes nothing: it may be the machine's own.
func removeTree(t *testing.T, root string) {
	mounts := func() (below []string) {
		for line := range strings.Lines(string(read(t, "/proc/self/mountinfo"))) {
			if at := strings.Fields(line)[4]; strings.HasPrefix(at, root+"/") {
				below = append(below, at)
			}
		}
		return below
	}
	for _, at := range slices.Backward(mounts()) {
		_ = unix.Unmount(at, unix.MNT_DETACH) // told below
	}
	if left := mounts(); len(left) > 0 {
		t.Errorf("still mounted: %v", left)
		return
	}
	if err := os.RemoveAll(root); err != nil {
		t.Error(err)
	}
}

// removeCgroups removes, at the end, the cgroups of pods if there were none before, and
// notes them for the run after one that is killed.
func (n *node) removeCgroups() {
	n.Helper()
	var ours []string
	hierarchies, _ := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	for _, file := range append(hierarchies, "/sys/fs/cgroup/cgroup.procs") {
		if dir := filepath.Join(filepath.Dir(file), "kubepods"); !exists(dir) {
			ours = append(ours, dir)
		}
	}
	n.note(ours)
	n.Cleanup(func() {
		for _, dir := range ours {
			removeGroups(dir)
		}
	})
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// removeGroups removes an empty cgroup and those in it.
func removeGroups(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeGroups(filepath.Join(dir, e.Name()))
		}
	}
	for range 50 {
		if err := unix.Rmdir(dir); err != unix.EBUSY {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
