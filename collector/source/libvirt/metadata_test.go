package libvirt

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestParseMetadataPathsRefuses(t *testing.T) {
	for spec, want := range map[string]string{
		"":                     "want KEY=PATH",
		"project":              "want KEY=PATH",
		"=a":                   "bad key",
		" a=b":                 "bad key",
		"\xff=b":               "bad key",
		"a=":                   "no path",
		"a=/b":                 "an empty step",
		"a=b/":                 "an empty step",
		"a=b//c":               "an empty step",
		"a=@b":                 "an attribute of no element",
		"a=b/@":                "an empty step",
		"a=b/@c/d":             "an attribute ends a path",
		"a=nova:instance/name": "has a prefix",
		"a={x}nova:instance":   "has a prefix",
		"a={x":                 "a brace without its end",
		"a={}b":                "an empty namespace",
		"a={x}":                "an empty step",
		"a=b[1]":               "is no name",
		"a=*":                  "is no name",
		"a=..":                 "is no name",
		"a=text()":             "is no name",
		"a=b c":                "is no name",
		"a=\xff":               "no UTF-8",
		"a=" + strings.Repeat("b/", maxPathSteps) + "b": "more than 16 steps",
		"a=" + strings.Repeat("b", maxPathLength):       "longer than 1024 bytes",
	} {
		t.Run(spec, func(t *testing.T) {
			_, err := parseMetadataPaths([]string{"good=a", spec})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

func TestParseMetadataPathsNamesTheBadOne(t *testing.T) {
	_, err := parseMetadataPaths([]string{"a=b", "c=d//e"})
	if err == nil || !strings.Contains(err.Error(), `"c=d//e"`) {
		t.Errorf("got %v", err)
	}
	if _, err := parseMetadataPaths([]string{"a=b", "a=c"}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("got %v", err)
	}
	if _, err := parseMetadataPaths(slices.Repeat([]string{"a=b"}, maxPaths+1)); err == nil {
		t.Error("no bound on the number of paths")
	}
	if paths, err := parseMetadataPaths(nil); err != nil || len(paths) > 0 {
		t.Errorf("got %v, %v", paths, err)
	}
}

func TestMetadataPaths(t *testing.T) {
	const doc = `<domain type='kvm'><metadata>
		<a:one xmlns:a="urn:a" name="n1"><a:two>  deep
		</a:two><a:two>second</a:two></a:one>
		<one xmlns="urn:b" name="n2" xmlns:x="urn:x" x:id="7"><two> </two><two/><two>b<i>not this</i>c</two></one>
		<three><![CDATA[<data>]]> &amp; text</three><four at=""/><four at="late"/>
		</metadata><devices><disk type='file'><three>elsewhere</three></disk></devices></domain>`
	for path, want := range map[string]string{
		"one/two":          "deep",
		"{urn:b}one/two":   "bc",
		"{urn:c}one/two":   "",
		"one/{urn:b}two":   "bc",
		"one/@name":        "n1",
		"{urn:b}one/@name": "n2",
		"one/@{urn:x}id":   "7",
		"one/@x":           "", // declares a prefix
		"three":            "<data> & text",
		"four/@at":         "late",
		"two":              "",
		"one":              "",
		"one/two/i":        "not this",
		"metadata/three":   "",
		"devices/disk":     "",
		"one/two/i/deeper": "",
	} {
		t.Run(path, func(t *testing.T) {
			if got := mustParse(t, doc, "k="+path).labels; got[0] != want {
				t.Errorf("got %q, want %q", got[0], want)
			}
		})
	}
}

func TestMetadataOutsideOfItsPlaceIsNone(t *testing.T) {
	d := mustParse(t, `<domain><devices><metadata><a>x</a></metadata></devices><name>n</name></domain>`, "k=a")
	if d.labels[0] != "" {
		t.Errorf("got %q", d.labels[0])
	}
}

func TestNovaMetadata(t *testing.T) {
	for name, tc := range map[string]struct {
		doc  string
		want *model.OpenStack
	}{
		"version 1.0": {
			`<nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.0"><nova:name>vm</nova:name>` +
				`<nova:owner><nova:project uuid="p">proj</nova:project></nova:owner></nova:instance>`,
			&model.OpenStack{Name: "vm", Project: "proj", ProjectID: "p"},
		},
		"version 1.1, without a prefix": {
			`<instance xmlns="http://openstack.org/xmlns/libvirt/nova/1.1"><name>vm</name><flavor name="f"/><root type="volume" uuid="r"/></instance>`,
			&model.OpenStack{Name: "vm", Flavor: "f", RootType: "volume", RootID: "r"},
		},
		"of somebody else": {`<instance xmlns="urn:x"><name>vm</name></instance>`, nil},
		"empty":            {`<instance xmlns="http://openstack.org/xmlns/libvirt/nova/1.1"/>`, nil},
		"none":             {``, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := applied(mustParse(t, "<domain><metadata>"+tc.doc+"</metadata></domain>"))
			if diff := cmp.Diff(tc.want, g.OpenStack); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if tc.want != nil && g.Info.Project != tc.want.Project {
				t.Errorf("project %q", g.Info.Project)
			}
		})
	}
}

func TestKubeVirtDomain(t *testing.T) {
	const metadata = `<metadata><kubevirt xmlns="http://kubevirt.io"><uid>1</uid></kubevirt></metadata>`
	for name, tc := range map[string]struct{ doc, namespace, vmi string }{
		"in its namespace":   {"<name>shop_web-1</name>" + metadata, "shop", "web-1"},
		"renamed":            {"<name>web</name>" + metadata, "", ""},
		"not KubeVirt's":     {"<name>shop_web-1</name>", "", ""},
		"of another element": {"<name>shop_web-1</name><metadata><kubevirt xmlns='urn:x'/></metadata>", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := mustParse(t, "<domain>"+tc.doc+"</domain>")
			if d.kubeNamespace != tc.namespace || d.kubeVMI != tc.vmi {
				t.Errorf("got %q, %q", d.kubeNamespace, d.kubeVMI)
			}
		})
	}
}

func FuzzParseMetadataPaths(f *testing.F) {
	f.Add("project=instance/owner/project")
	f.Add("tier={https://acme.example/vm}info/@tier")
	f.Add("a={b}c/@{d}e")
	f.Fuzz(func(t *testing.T, spec string) {
		paths, err := parseMetadataPaths([]string{spec})
		if err != nil {
			if len(err.Error()) > 10*maxPathLength {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		p := paths[0]
		path := p.Key + "="
		for i, step := range p.steps {
			if i > 0 {
				path += "/"
			}
			path += clark(step.Space, step.Local)
		}
		if p.attr.Local != "" {
			path += "/@" + clark(p.attr.Space, p.attr.Local)
		}
		if path != spec {
			t.Fatalf("%q was taken for %q", spec, path)
		}
	})
}

func clark(space, local string) string {
	if space == "" {
		return local
	}
	return "{" + space + "}" + local
}
