package identity

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func FuzzFromPath(f *testing.F) {
	for _, s := range []string{
		"", "/", "//", "/docker/" + idA, "/system.slice/docker-" + idA + ".scope", "/libpod_parent/conmon",
		`/machine.slice/machine-lxc\x2d1\x2da.scope`, "/lxc.payload.\xff", "/system.slice:cri-containerd:" + idA, "/x/payload",
		"/nomad.slice/share.slice/" + alc + ".web.scope", "/default/a", "/../..", "/.scope/.service/payload", "/@.service/payload",
		"/ecs/\xff/\xff-1", "/default/\xff", "/system.slice/runc-\xff.scope", "/user@1.service/user@0.service/docker-" + idA,
		strings.Repeat("/lxc.payload.a", 30),
	} {
		f.Add(s)
	}
	r := NewResolver(f.TempDir())
	f.Fuzz(func(t *testing.T, path string) {
		m, ok := FromPath(path)
		if !ok && m != (Match{}) {
			t.Errorf("no guest, but %+v", m)
		}
		if ok && Candidate(path) {
			t.Error("known, and a candidate")
		}
		if bad := badStrings(m, Who{}); len(bad) > 0 {
			t.Errorf("%+v: %q is not valid UTF-8", m, bad)
		}
		if ok && m.Kind == model.Container && !m.Helper && m.ID == "" && m.Name == "" {
			t.Error("a guest without id and name")
		}
		if ok {
			w := r.Resolve(path, m)
			if bad := badStrings(m, w); w.Name == "" || len(bad) > 0 {
				t.Errorf("%+v: %q is not valid UTF-8", w, bad)
			}
			return
		}
		r.Lookup(path)
	})
}

// FuzzResolve gives any text to what names a container by an engine's file.
func FuzzResolve(f *testing.F) {
	f.Add("web", "nginx:1", "team", "a", "user@1000")
	f.Add("k8s_app_web-0_shop_u_0", "\xff", "\xff", "\xff", "user@1000")
	f.Add("k8s_\xff_\xff_\xff_u_0", strings.Repeat("ä", maxText), "io.kubernetes.pod.name", strings.Repeat("\xff", maxLabel+1), "\xff")
	r := NewResolver(f.TempDir())
	f.Fuzz(func(t *testing.T, name, image, key, value, scope string) {
		m := Match{Kind: model.Container, Runtime: "podman", ID: image, Name: name, Scope: scope}
		q := &query{Resolver: r, files: r.files, m: m, who: Who{Kind: m.Kind, Runtime: m.Runtime, ID: m.ID, Found: true}}
		q.fromStorage("/"+key, stored{Name: name, Image: image})
		q.managed(ociConfig{Annotations: map[string]string{key: value}})
		w := q.answer(visited{name: name})
		if bad := badStrings(Match{}, w); len(bad) > 0 || w.Name == "" && name != "" {
			t.Errorf("%+v: %q is not valid UTF-8", w, bad)
		}
		if m.Foreign() && (w.KubePod != "" || len(w.Name) < 3*maxText && len(scope) < maxText && !strings.HasPrefix(w.Name, valid(scope+"/"))) {
			t.Errorf("of the user %q: %+v", scope, w)
		}
		for k, v := range w.Labels {
			if len(k) > 3*maxText || len(v) > 3*maxLabel {
				t.Errorf("a label of %d and %d bytes", len(k), len(v))
			}
		}
	})
}

func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"", `a\x2db`, `\x`, `\x2`, `\xzz`, `\x00`, `\\x2d`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := unescape(s); len(got) > len(s) {
			t.Errorf("unescape(%q) = %q grew", s, got)
		}
	})
}

func FuzzParseDocker(f *testing.F) {
	f.Add([]byte(dockerFile(idA, "web")))
	f.Add([]byte(`{"Name":null,"Config":{"Labels":null}}`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseDocker(b)
		if err != nil && c.Name != "" {
			t.Errorf("%v, but named %q", err, c.Name)
		}
		parseDataRoot(b)
	})
}

func FuzzParseOCI(f *testing.F) {
	f.Add([]byte(criFile("container")), idA)
	f.Add([]byte(`{"mounts":[{"source":"/d/containers/`+idA+`/hosts"}]}`), idA)
	f.Fuzz(func(t *testing.T, b []byte, id string) {
		c, err := parseOCI(b)
		if err != nil {
			return
		}
		if dir := c.dockerDir(id); dir != "" && !strings.HasSuffix(dir, "/containers/"+id) {
			t.Errorf("directory %q", dir)
		}
	})
}

func FuzzParseStorage(f *testing.F) {
	f.Add([]byte(storageFile(idA, "web", "nginx:1")))
	f.Add([]byte(`[{"id":"a","metadata":"{"},{}]`))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parseStorage(b) })
}

func FuzzParseRunc(f *testing.F) {
	f.Add([]byte(`{"id":"box","cgroup_paths":{"cpu":"/sys/fs/cgroup/cpu/x","":"/sys/fs/cgroup/unified/x"},"config":{"labels":["a=b","c"]}}`))
	f.Add([]byte(`{"cgroup-path":"a/../b"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func([]byte) (runcState, error){parseRunc, parseCrun} {
			s, _ := parse(b)
			if s.Cgroup != "" && !strings.HasPrefix(s.Cgroup, "/") {
				t.Errorf("cgroup %q", s.Cgroup)
			}
		}
	})
}

func FuzzParseKubeLog(f *testing.F) {
	f.Add("web-0_shop_app-" + idA + ".log")
	f.Add("_-" + idA + ".log")
	f.Add("k8s_app_web-0_shop_" + uid + "_0")
	f.Fuzz(func(t *testing.T, name string) {
		id, k, ok := parseKubeLog(name)
		if ok && name != k.pod+"_"+k.namespace+"_"+k.container+"-"+id+".log" {
			t.Errorf("%q gave %+v", name, k)
		}
		parseKubeName(name)
	})
}

func FuzzParseMachine(f *testing.F) {
	f.Add("NAME=ns1\nSCOPE=machine-ns1.scope\nID=0123456789abcdef0123456789abcdef\nCLASS=container\n")
	f.Add("CLASS=\\x\n=\n\xff")
	f.Fuzz(func(t *testing.T, s string) {
		if m := parseMachine(s); !utf8.ValidString(m.Class + m.Service + m.Unit + m.UUID) {
			t.Errorf("%+v is not valid UTF-8", m)
		}
	})
}

func FuzzParseProxmox(f *testing.F) {
	f.Add("arch: amd64\nhostname: db1\n[snap]\nhostname: old\n")
	f.Fuzz(func(_ *testing.T, s string) { parseProxmox(s, "hostname") })
}

func FuzzParseHome(f *testing.F) {
	f.Add(passwd)
	f.Add("::::::\n:::\n")
	f.Fuzz(func(t *testing.T, s string) {
		if dir := parseHome(s, "1000"); dir != "" && !strings.HasPrefix(dir, "/") {
			t.Errorf("home %q", dir)
		}
	})
}

func FuzzVMKey(f *testing.F) {
	for _, s := range []string{"", "4c4c4544-0051-4e10-8048-b6c04f4a3733", "03000200-0400-0500-0006-000700080009", "{4C4C454400514E108048B6C04F4A3733}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key := VMKey(s)
		if key == "" {
			return
		}
		if !isUUID(key) {
			t.Errorf("VMKey(%q) = %q", s, key)
		}
		b, _ := parseUUID(s)
		if other := VMKey(formatUUID(swapUUID(b))); other != key {
			t.Errorf("VMKey(%q) = %q, its swapped form gives %q", s, key, other)
		}
	})
}
