package collector_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// helperDir is the one package that starts a process.
const helperDir = "collector/source/fsprobe"

const modulePath = "github.com/virt-exporter/virt_exporter"

// layers is the order in which packages of this module may know each other, by
// directory below its root. An import that no row of its directory allows
// breaks the law; tests may import whatever they compare with.
var layers = []struct{ dir, may, reason string }{
	{"collector/model", "", "every other package speaks in it: what it imported, all would"},
	{"collector/kernel", "collector/model", "a parser gives kernel units and knows no source and no metric"},
	{"collector/identity", "collector/model", "identity is pure: tables and fuzz tests need no host"},
	{"collector/source", "collector/model", "the seam is an interface over the model"},
	{"collector/source/*", "collector/model", "what a source gives"},
	{"collector/source/*", "collector/source", "the interface it fulfils"},
	{"collector/source/*", "collector/kernel", "the files it reads"},
	{"collector/source/*", "collector/identity", "who a cgroup or a process is"},
	{"collector/source/cgroup", "collector/blame", "its containers' steal is split where it is read"},
	{"collector/blame", "collector/model", "the estimate is pure over readings"},
	{"collector", "collector/*", "it wires sources, merges what they read and maps it to metrics"},
	{"cmd/*", "collector", "flags become its configuration"},
	{"cmd/*", "cmd/service", "what all programs that serve have in common"},
	{"cmd/virt_exporter", "collector/identity", "a bad machine key ends the start, by the rule that the source has"},
	{"cmd/virttool", "collector/*", "it shows a person each step alone"},
	{"cmd/virt_alerter", "alerts/*", "the only program that links the rule engine"},
	{"cmd/virt_alerter", "dashboards", "what they read is kept of scrapes"},
	{"cmd/virt_alerter", "fixtures/story", "the recording that --demo plays: data, as the rules are"},
	{"alerts/engine", "alerts", "the bundled rules are data"},
	{"dashboards/*", "dashboards/*", "generators know family names, no code of the exporter"},
	{".ci/mixin", "alerts", "it puts the rules into the layout of others"},
	{".ci/mixin", "dashboards", "and the dashboards"},
	{"fixtures/*", "*", "helpers of tests; but for the story, never linked into a program"},
}

// clients says where each module of others may be imported by code that is not
// a test. A module without a row may be imported nowhere: a new one is a row
// here, with its reason.
var clients = []struct{ module, dirs, reason string }{
	{"github.com/alecthomas/kingpin/v2", "cmd/*", "flags are read in cmd and nowhere else"},
	{"github.com/prometheus/exporter-toolkit", "cmd/*", "TLS, basic auth, systemd sockets and the landing page"},
	{"github.com/go-kit/log", "cmd/*", "the sink behind log/slog; call sites use slog"},
	{"github.com/tjhop/slog-gokit", "cmd/*", "joins slog to that sink"},
	{"github.com/prometheus/common", "cmd/* collector alerts/engine", "the version, and the exposition's formats; the names and durations of Prometheus' configuration"},
	{"github.com/prometheus/client_golang", "cmd/* collector alerts/engine", "below the table of families nothing knows metrics; the rule engine registers its own"},
	{"github.com/prometheus/client_model", "collector", "the messages of the exposition"},
	{"google.golang.org/protobuf", "collector", "the exposition keeps its messages from scrape to scrape"},
	{"golang.org/x/tools", "fixtures/hostfs", "txtar: one file for a whole fake host, whose file names a module may not hold"},
	{"github.com/prometheus/procfs", "collector/kernel collector/source/*", "readers that are as good as our own would be"},
	{"github.com/containerd/cgroups/v3", "collector/source/cgroup cmd/virttool", "mode, hierarchy and paths of cgroups"},
	{"golang.org/x/sys", "collector/kernel collector/identity collector/source/* cmd/virttool fixtures/fusefs", "system calls that package syscall does not have"},
	{"github.com/klauspost/cpuid/v2", "collector/source/node", "the CPUID instruction, for which Go has no name, tells which hypervisor"},
	{"github.com/cilium/ebpf", "collector/source/bpf", "one client, one package"},
	{"github.com/digitalocean/go-libvirt", "collector/source/libvirt", "one client, one package"},
	{"libvirt.org/go/libvirtxml", "collector/source/libvirt", "one client, one package"},
	{"golang.org/x/crypto/x509roots/fallback", "cmd/virt_alerter", "an image of the alerter alone has no certificate authorities"},
	{"golang.org/x/crypto", "collector/source/libvirt", "SSH to the daemon of another host, which go-libvirt dials without a deadline"},
	{"github.com/vmware/govmomi", "collector/source/vsphere", "a remote client, with credentials: never on every host"},
	{"github.com/prometheus/prometheus", "alerts/engine", "28 MB that only the alerter carries; tests of dashboards, which ask it, are there too"},
	{"github.com/prometheus/alertmanager", "alerts/engine", "its API client"},
	{"go.yaml.in/yaml/v3", "alerts/engine .ci/mixin", "tells on which line of a configuration or rule file a mistake is, and takes rule files apart"},
	{"github.com/oklog/ulid/v2", "alerts/engine", "tells a database's blocks, by their names, from files of others in its directory"},
	{"github.com/hanwen/go-fuse/v2", "fixtures/fusefs", "a file system whose delays and hangs the tests choose"},
}

// testClients are the modules that only tests may import.
var testClients = []string{
	"github.com/google/go-cmp",                     // readable differences; there is no assertion library
	"go.uber.org/goleak",                           // goroutines that outlive a test
	"github.com/grafana/grafana-foundation-sdk/go", // Grafana's own types say whether it reads our dashboards
}

// notLinked are packages that must not be in virt_exporter's binary, however
// they would come in.
var notLinked = []struct{ prefix, reason string }{
	{"github.com/prometheus/prometheus", "the rule engine belongs to virt_alerter"},
	{"github.com/vmware/govmomi", "credentials of a vCenter do not belong on every host"},
	{modulePath + "/alerts", "rules are evaluated elsewhere"},
	{modulePath + "/fixtures", "test data"},
	{"github.com/sirupsen/logrus", "it logs past our logger; containerd/cgroups' cgroup2 brings it in"},
	{"testing", "help of tests"},
}

// sourceFile is one parsed Go file of the module.
type sourceFile struct {
	dir  string // from the module's root
	name string
	ast  *ast.File
	test bool // a test, or a helper of tests: a package whose name ends in test
}

func TestImportLaw(t *testing.T) {
	for _, f := range moduleFiles(t) {
		for _, spec := range f.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if why := unlawful(f, imported); why != "" {
				t.Errorf("%s imports %s: %s", path.Join(f.dir, f.name), imported, why)
			}
		}
	}
}

func TestNoInitFunctions(t *testing.T) {
	for _, f := range moduleFiles(t) {
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function: what a program does, main says", path.Join(f.dir, f.name))
			}
		}
	}
}

func TestExporterLinksOnlyWhatItNeeds(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/virt_exporter")
	cmd.Dir = ".."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	for dep := range strings.Lines(string(out)) {
		for _, banned := range notLinked {
			if below(strings.TrimSpace(dep), banned.prefix) {
				t.Errorf("virt_exporter links %s: %s", strings.TrimSpace(dep), banned.reason)
			}
		}
	}
}

// The law must catch what it is there for.
func TestImportLawCatchesOffenders(t *testing.T) {
	tests := []struct {
		dir, imported string
		test, lawful  bool
	}{
		{dir: "collector/model", imported: modulePath + "/collector/kernel"},
		{dir: "collector/kernel", imported: modulePath + "/collector/identity"},
		{dir: "collector/source/cgroup", imported: modulePath + "/collector/source/node"},
		{dir: "collector/source/cgroup", imported: modulePath + "/collector"},
		{dir: "cmd/virt_exporter", imported: modulePath + "/alerts/engine"},
		{dir: "collector/source/cgroup", imported: "github.com/prometheus/client_golang/prometheus"},
		{dir: "collector/source/node", imported: "github.com/containerd/cgroups/v3"},
		{dir: "collector", imported: "github.com/prometheus/prometheus/rules"},
		{dir: "collector", imported: "github.com/stretchr/testify/require", test: true},
		{dir: "collector", imported: "github.com/google/go-cmp/cmp"},
		{dir: "collector/kernel", imported: "os/exec"},
		{dir: "collector/source/fsprobe/probe", imported: "os/exec"},
		{dir: "collector/source/fsprobe", imported: "os/exec", lawful: true},
		{dir: "collector/kernel", imported: "C", test: true},
		{dir: "collector/kernel", imported: "os", lawful: true},
		{dir: "collector/kernel", imported: "os/exec", test: true, lawful: true},
		{dir: "collector/kernel", imported: "github.com/google/go-cmp/cmp", test: true, lawful: true},
		{dir: "collector/source/cgroup", imported: modulePath + "/collector/kernel", lawful: true},
		{dir: "collector/source/cgroup", imported: modulePath + "/collector/source/cgroup/walk", lawful: true},
		{dir: "collector/source/cgroup", imported: "github.com/containerd/cgroups/v3", lawful: true},
		{dir: "cmd/virt_exporter", imported: modulePath + "/collector", lawful: true},
	}
	for _, tt := range tests {
		why := unlawful(sourceFile{dir: tt.dir, test: tt.test}, tt.imported)
		if (why == "") != tt.lawful {
			t.Errorf("%s (test: %t) imports %s: got %q, lawful is %t", tt.dir, tt.test, tt.imported, why, tt.lawful)
		}
	}
}

// unlawful returns why the file may not import the package, or nothing.
func unlawful(f sourceFile, imported string) string {
	inFixtures := below(f.dir, "fixtures")
	switch {
	case imported == "C":
		return "no cgo: one static binary for every distribution"
	case below(imported, modulePath):
		if f.test || layered(f.dir, strings.TrimPrefix(strings.TrimPrefix(imported, modulePath), "/")) {
			return ""
		}
		return "no row of layers allows it"
	case imported == "os/exec" && f.dir == helperDir:
		return "" // the exporter's own program, as the helper that may hang with a mount
	case imported == "os/exec" && !f.test && !inFixtures:
		return "only tests start programs: an exporter that forks is slow and needs what it starts"
	case !strings.Contains(strings.Split(imported, "/")[0], "."):
		return "" // the standard library
	case f.test || inFixtures:
		if slices.ContainsFunc(testClients, func(m string) bool { return below(imported, m) }) {
			return ""
		}
	}
	return foreign(f, imported)
}

// layered says whether a row of layers lets dir import another directory. Into
// directories below it a package may always split itself.
func layered(dir, imported string) bool {
	if strings.HasPrefix(imported, dir+"/") {
		return true
	}
	for _, row := range layers {
		if !matches(row.dir, dir) {
			continue
		}
		if row.may != "" && (row.may == "*" || matches(row.may, imported)) {
			return true
		}
	}
	return false
}

// foreign returns why the file may not import the package of another module.
// Tests may use any that has a row: the client is then linked anyway.
func foreign(f sourceFile, imported string) string {
	for _, row := range clients {
		if !below(imported, row.module) {
			continue
		}
		for dir := range strings.FieldsSeq(row.dirs) {
			if f.test || matches(dir, f.dir) {
				return ""
			}
		}
		return "only for " + row.dirs + ": " + row.reason
	}
	return "no row of clients names its module and a reason"
}

// matches says whether dir is the pattern, or anything below it for one that
// ends in /*.
func matches(pattern, dir string) bool {
	if parent, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(dir, parent+"/")
	}
	return pattern == dir
}

func below(p, parent string) bool { return p == parent || strings.HasPrefix(p, parent+"/") }

// moduleFiles parses every Go file of the module.
func moduleFiles(t *testing.T) []sourceFile {
	t.Helper()
	var files []sourceFile
	fset := token.NewFileSet()
	err := filepath.WalkDir("..", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "testdata", "build"}, d.Name()) {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(p, "go.mod")); d.IsDir() && err == nil && p != ".." {
			return filepath.SkipDir // a module of its own, to keep what it imports out of this one
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel("..", filepath.Dir(p))
		if err != nil {
			return err
		}
		test := strings.HasSuffix(p, "_test.go") || strings.HasSuffix(dir, "test")
		files = append(files, sourceFile{filepath.ToSlash(dir), d.Name(), parsed, test})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no Go files found")
	}
	return files
}
