package identity

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// badStrings returns what of a Match or a Who is no UTF-8.
func badStrings(m Match, w Who) (bad []string) {
	all := []string{
		string(m.Kind), m.Runtime, m.ID, m.Name, m.Scope, m.PodUID,
		string(w.Kind), w.Runtime, w.Name, w.ID, w.UUID, w.Image, w.Project, w.KubeNamespace, w.KubePod, w.KubeContainer, w.Source,
	}
	for k, v := range w.Labels {
		all = append(all, k, v)
	}
	for _, s := range all {
		if !utf8.ValidString(s) {
			bad = append(bad, s)
		}
	}
	return bad
}

func TestIDsFromPathsAreText(t *testing.T) {
	m, ok := FromPath("/ecs/\xff/\xff-1")
	if want := (Match{Kind: model.Container, Runtime: "containerd", ID: "\uFFFD-1"}); !ok || m != want {
		t.Errorf("FromPath gives %+v, %t; want %+v", m, ok, want)
	}
}

func TestResolveMakesTextOfWhatEnginesWrite(t *testing.T) {
	r := NewResolver(files{
		bundles + "b\xff/job\xff/config.json": `{"linux":{"cgroupsPath":"/a/b"},"annotations":{"k` + "\xff" + `":"v` + "\xff" + `"}}`,
		"/run/systemd/nspawn/propagate/n\xff": "",
		"/run/runc/box\xff/state.json":        `{"cgroup_paths":{"":"/sys/fs/cgroup/c/d"}}`,
	}.write(t))
	for path, want := range map[string]string{"/a/b": "b\uFFFD/job\uFFFD", "/payload": "n\uFFFD", "/c/d": "box\uFFFD", "/default/\xff": "\uFFFD"} {
		m, ok := FromPath(path)
		if !ok {
			m, ok = r.Lookup(path)
		}
		w := r.Resolve(path, m)
		if bad := badStrings(m, w); !ok || w.Name != want || len(bad) > 0 {
			t.Errorf("%q: %+v, %+v, want the name %q; no text: %q", path, m, w, want, bad)
		}
	}
}

func TestResolveMakesTextOfAnyMatch(t *testing.T) {
	const bad = "\xff/\xff"
	r := NewResolver(t.TempDir())
	for _, kind := range []model.Kind{model.Container, model.VM} {
		for _, runtime := range []string{"", "docker", "lxc", bad} {
			m := Match{Kind: kind, Runtime: runtime, ID: bad, Name: bad, Scope: bad}
			if bad := badStrings(Match{}, r.Resolve("/some/where", m)); len(bad) > 0 {
				t.Errorf("%+v: no text: %q", m, bad)
			}
		}
	}
}

func TestNamesAreCutBetweenCharacters(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"short", "äöü", "äöü"},
		{"just long enough", strings.Repeat("ä", maxText/2), strings.Repeat("ä", maxText/2)},
		{"within a character", "a" + strings.Repeat("ä", maxText/2), "a" + strings.Repeat("ä", maxText/2-1)},
		{"before a character", strings.Repeat("a", maxText) + "ä", strings.Repeat("a", maxText)},
		{"no characters", strings.Repeat("\x80", maxText+9), "\uFFFD"},
	} {
		if got := text(tt.in); got != tt.want {
			t.Errorf("%s: text gives %d bytes, want %d", tt.name, len(got), len(tt.want))
		}
	}
}

func TestShortID(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "abc": "abc", idA: idA[:12], "abcdefghijkl": "abcdefghijkl", "abcdefghijkäm": "abcdefghijkä",
		"\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDabcdefgh": "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFDabcdefg", "\xff-1": "\uFFFD-1",
	} {
		if got := ShortID(in); got != want {
			t.Errorf("ShortID(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestForeignIsWhatUsersRun(t *testing.T) {
	for path, want := range map[string]bool{
		annTree + "user.slice/docker-" + idA + ".scope": true,
		annTree + "lxc.payload.c1":                      true,
		"/docker/" + idA:                                false,
		"/default/t1":                                   false,
		"/lxc.payload.user@1000":                        false,
	} {
		if m, ok := FromPath(path); !ok || m.Foreign() != want {
			t.Errorf("%s: %+v, %t; want foreign %t", path, m, ok, want)
		}
	}
}

// A user's own systemd lets them make directories of any name.
func TestAUserIsNoOther(t *testing.T) {
	path := annTree + "app.slice/user@0.service/docker-" + idA + ".scope"
	if m, _ := FromPath(path); m.Scope != annScope {
		t.Errorf("scope %q, want %q", m.Scope, annScope)
	}
}

func TestAUsersFilesMakeNoPodOfTheCluster(t *testing.T) {
	docker := annTree + "user.slice/docker-" + idA + ".scope"
	podman := annTree + "user.slice/libpod-" + idA + ".scope"
	storage := "/home/ann/.local/share/containers/storage/overlay-containers/"
	config := "/home/ann/.local/share/docker/containers/" + idA + "/config.v2.json"
	k8s := dockerFile(idA, "k8s_app_web-0_shop_"+uid+"_0")
	for _, tt := range []resolveTest{
		{
			"docker", docker,
			files{"/etc/passwd": passwd, config: k8s},
			guest("docker", annScope+"/shop/web-0/app", idA, "nginx:1", config),
		},
		{
			"podman, annotations", podman,
			files{"/etc/passwd": passwd, storage + idA + "/userdata/config.json": crioFile("container")},
			guest("podman", annScope+"/shop/web-0/app", idA, "quay.io/nginx:1", storage+idA+"/userdata/config.json"),
		},
		{
			"podman, its list", podman,
			files{"/etc/passwd": passwd, storage + "containers.json": storageFile(idA, "k8s_app_web-0_shop_u_0", "img")},
			guest("podman", annScope+"/shop/web-0/app", idA, "img", storage+"containers.json"),
		},
	} {
		t.Run(tt.name, tt.run)
	}
}

// A user who calls a directory after the id of root's container is not it.
func TestAUsersDirectoryIsNoneOfRootsContainers(t *testing.T) {
	host := files{
		"/etc/passwd": passwd,
		bundles + "k8s.io/" + idA + "/config.json":                    criFile("container"),
		bundles + "moby/" + idA + "/config.json":                      `{"mounts":[{"source":"/srv/d/containers/` + idA + `/hosts"}]}`,
		"/srv/d/containers/" + idA + "/config.v2.json":                dockerFile(idA, "wrong"),
		"/run/runc/" + idA + "/state.json":                            `{}`,
		"/run/runc/box/state.json":                                    `{}`,
		"/var/log/containers/web-0_shop_app-" + idA + ".log":          "-> /x",
		overlay + "containers.json":                                   storageFile(idA, "wrong", "x"),
		"/home/bob/.local/share/docker/containers/" + idA + "/config": "",
	}
	for name, want := range map[string]Who{
		"docker-" + idA + ".scope":         {Runtime: "docker", ID: idA, Name: idA[:12]},
		"cri-containerd-" + idA + ".scope": {Runtime: "containerd", ID: idA, Name: idA[:12]},
		"libpod-" + idA + ".scope":         {Runtime: "podman", ID: idA, Name: idA[:12]},
		"crio-" + idA + ".scope":           {Runtime: "crio", ID: idA, Name: idA[:12]},
		idA:                                {Runtime: "unknown", ID: idA, Name: idA[:12]},
		"runc-box.scope":                   {Runtime: "runc", ID: "box", Name: annScope + "/box", Source: "path", Found: true},
	} {
		want.Kind = model.Container
		resolveTest{name, annTree + name, host, want}.run(t)
	}
}

func TestLabelsAreBounded(t *testing.T) {
	all := map[string]string{strings.Repeat("a", maxText+1): "key too long", "\xff": "\xff"}
	for i := range 200 {
		all[fmt.Sprintf("k%03d", i)] = "v"
	}
	all["k000"] = "a" + strings.Repeat("ä", maxLabel)
	got := labels(all)
	want := map[string]string{"k000": "a" + strings.Repeat("ä", maxLabel/2-1)}
	for i := 1; i < 128; i++ {
		want[fmt.Sprintf("k%03d", i)] = "v"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := labels(map[string]string{"\xff": "\xff"}); got["\uFFFD"] != "\uFFFD" {
		t.Errorf("labels that are no text give %q", got)
	}
	if got := labels(nil); got != nil {
		t.Errorf("no labels give %q", got)
	}
}

func TestResolveBoundsLabels(t *testing.T) {
	var many strings.Builder
	for i := range 300 {
		fmt.Fprintf(&many, `"k%03d":"v",`, i)
	}
	r := NewResolver(files{
		bundles + "k8s.io/" + idA + "/config.json": strings.Replace(criFile("container"), `"annotations":{`, `"annotations":{`+many.String(), 1),
	}.write(t))
	path := "/kubepods/pod" + uid + "/" + idA
	m, _ := FromPath(path)
	// What names the container is not subject to the limit.
	if w := r.Resolve(path, m); len(w.Labels) != maxLabels || w.Name != "shop/web-0/app" {
		t.Errorf("%d labels of %q", len(w.Labels), w.Name)
	}
}

// A file of the tenant's own is cut off, and so says nothing.
func TestAGuestsFilesMayNotBeLarge(t *testing.T) {
	config := "/var/lib/docker/containers/" + idA + "/config.v2.json"
	root := files{config: strings.Repeat(" ", maxTenantFile) + dockerFile(idA, "web")}.write(t)
	path := "/docker/" + idA
	m, _ := FromPath(path)
	if w := NewResolver(root).Resolve(path, m); w.Name != "web" {
		t.Errorf("of the host: named %q", w.Name)
	}
	if w := NewResolver("/").In(root).Resolve(path, m); w.Found {
		t.Errorf("of a guest: named %q", w.Name)
	}
	if err := os.WriteFile(filepath.Join(root, config), []byte(dockerFile(idA, "web")), 0o644); err != nil {
		t.Fatal(err)
	}
	if w := NewResolver("/").In(root).Resolve(path, m); w.Name != "web" {
		t.Errorf("of a guest, a small file: named %q", w.Name)
	}
}

func TestOneSlowListMakesNoOtherWait(t *testing.T) {
	home := "/home/ann/.local/share/containers/storage/overlay-containers/containers.json"
	r := NewResolver(files{
		"/etc/passwd": passwd, home: storageFile(idA, "web", "x"), overlay + "containers.json": storageFile(idA, "root", "x"),
	}.write(t))
	r.lists[annScope+home] = &storageList{}
	r.lists[annScope+home].mu.Lock() // as by one who waits for the file
	path := "/machine.slice/libpod-" + idA + ".scope"
	m, _ := FromPath(path)
	if w := r.Resolve(path, m); w.Name != "root" {
		t.Errorf("named %q", w.Name)
	}
}
