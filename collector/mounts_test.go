package collector

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// sharing returns a machine that is given directories.
func sharing(name string, change func(*model.Guest), dirs ...string) model.Guest {
	g := model.Guest{Name: model.Name{Kind: model.VM, Runtime: "qemu", Guest: name}}
	for _, dir := range dirs {
		g.Shares = append(g.Shares, model.Share{Tag: "tag of " + dir, Source: dir, FSType: "virtiofs"})
	}
	if change != nil {
		change(&g)
	}
	return g
}

func TestDirectoriesOfThisHostAreProbedOnce(t *testing.T) {
	container := model.Name{Kind: model.Container, Runtime: "docker", Guest: "web"}
	for name, tt := range map[string]struct {
		guests []model.Guest
		want   source.Surroundings
	}{
		"two machines with one directory": {
			[]model.Guest{sharing("a", nil, "/srv/x", "/srv/y"), sharing("b", nil, "/srv/x")},
			source.Surroundings{Shared: []string{"/srv/x", "/srv/y"}},
		},
		"no path, or one of nowhere": {
			[]model.Guest{sharing("a", nil, "", "relative")}, source.Surroundings{},
		},
		"of another machine's, of one in a container, of one that is off": {
			[]model.Guest{
				sharing("a", func(g *model.Guest) { g.VMHost = "h" }, "/a"),
				sharing("b", func(g *model.Guest) { g.Info.Parent = "container/docker/web" }, "/b"),
				sharing("c", func(g *model.Guest) { g.State = model.ShutOff }, "/c"),
				sharing("d", func(g *model.Guest) { g.Ended = true }, "/d"),
			},
			source.Surroundings{},
		},
		"a container is known by its cgroup": {
			[]model.Guest{{Name: container, Info: model.Info{Cgroup: "/x"}}, {Name: container, Ended: true, Info: model.Info{Cgroup: "/y"}}},
			source.Surroundings{Containers: map[string]model.Name{"/x": container}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var h host
			for i := range tt.guests {
				h.guests = append(h.guests, &tt.guests[i])
			}
			if tt.want.Containers == nil {
				tt.want.Containers = map[string]model.Name{}
			}
			if diff := cmp.Diff(tt.want, h.surroundings()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestProbesReachTheSharesOfTheirDirectory(t *testing.T) {
	own, inner := sharing("a", nil, "/srv/x", "/srv/y"), sharing("b", func(g *model.Guest) { g.Info.Parent = "container/docker/web" }, "/srv/x")
	h := host{guests: []*model.Guest{&own, &inner}}
	h.putProbes([]model.ShareProbe{{Source: "/srv/x", StuckSeconds: model.Some(0)}})
	if own.Shares[0].Probe == nil || own.Shares[1].Probe != nil || inner.Shares[0].Probe != nil {
		t.Errorf("probes: %v, %v, in a container %v", own.Shares[0].Probe, own.Shares[1].Probe, inner.Shares[0].Probe)
	}
	own.State = model.ShutOff
	h.putProbes([]model.ShareProbe{{Source: "/srv/x", StuckSeconds: model.Some(40)}})
	if own.Shares[0].Probe != nil {
		t.Error("a machine that is off is given nothing, and what was probed stays")
	}
	own.State = ""
	h.putProbes(nil)
	if own.Shares[0].Probe != nil {
		t.Error("what was probed stays when it no longer is")
	}
}

func TestMountsCarryTheKeyOfTheMachine(t *testing.T) {
	mounts := model.Reading{Mounts: []model.Mount{{Mountpoint: "/a", VMKey: "old"}, {Mountpoint: "/a"}, {Mountpoint: "/b"}}}
	h := host{node: &model.Node{VMKey: "k"}, placed: make(map[place]bool)}
	h.putMounts(&mounts)
	h.keyMounts()
	if len(h.mounts) != 2 || h.mounts[0].VMKey != "k" || h.mounts[1].VMKey != "k" {
		t.Errorf("%+v", h.mounts)
	}
	h.node = nil
	h.keyMounts()
	if h.mounts[0].VMKey != "" {
		t.Errorf("the key %q of a machine that is not known", h.mounts[0].VMKey)
	}
}
