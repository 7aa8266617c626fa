package collector

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// daemon is a share with the figures of a daemon that are made of n.
func daemon(tag, source, cache string, n float64) model.Share {
	return model.Share{
		Tag: tag, Source: source, FSType: "virtiofs", Cache: cache,
		CPU: model.Some(n), Steal: model.Some(n + 1), OpenFDs: model.Some(n + 2), MaxFDs: model.Some(n + 3),
	}
}

func TestSharesOfConfigurationAndProcessesAreMerged(t *testing.T) {
	virtiofs := func(tag, source string) model.Share { return model.Share{Tag: tag, Source: source, FSType: "virtiofs"} }
	for name, tt := range map[string]struct{ configured, seen, want []model.Share }{
		"nothing": {},
		"no processes": {
			configured: []model.Share{virtiofs("a", "/a")},
			want:       []model.Share{virtiofs("a", "/a")},
		},
		"no configuration": {
			seen: []model.Share{daemon("a", "/a", "auto", 1), virtiofs("b", "")},
			want: []model.Share{daemon("a", "/a", "auto", 1), virtiofs("b", "")},
		},
		"by their tags": {
			configured: []model.Share{virtiofs("a", "/same"), virtiofs("b", "/same")},
			seen:       []model.Share{daemon("b", "/same", "never", 20), daemon("a", "/same", "auto", 10)},
			want:       []model.Share{daemon("a", "/same", "auto", 10), daemon("b", "/same", "never", 20)},
		},
		"a socket of one's own: the daemon knows the directory": {
			configured: []model.Share{virtiofs("a", "")},
			seen:       []model.Share{daemon("a", "/a", "", 10)},
			want:       []model.Share{daemon("a", "/a", "", 10)},
		},
		"what is configured stays": {
			configured: []model.Share{{Tag: "a", Source: "/a", FSType: "virtiofs", Cache: "always"}},
			seen:       []model.Share{daemon("a", "/other", "auto", 10)},
			want:       []model.Share{daemon("a", "/a", "always", 10)},
		},
		"by the directory where the tag is not known": {
			configured: []model.Share{virtiofs("a", "/a"), virtiofs("b", "/b"), virtiofs("c", "/c")},
			seen:       []model.Share{virtiofs("a", ""), virtiofs("b", ""), daemon("", "/b", "auto", 20), daemon("", "/a", "auto", 10)},
			want:       []model.Share{daemon("a", "/a", "auto", 10), daemon("b", "/b", "auto", 20), virtiofs("c", "/c")},
		},
		"one directory under two tags that are not known": {
			configured: []model.Share{virtiofs("a", "/same"), virtiofs("b", "/same")},
			seen:       []model.Share{virtiofs("a", ""), virtiofs("b", ""), daemon("", "/same", "auto", 10)},
			want:       []model.Share{virtiofs("a", "/same"), virtiofs("b", "/same")},
		},
		"of two with one tag the first": {
			configured: []model.Share{virtiofs("a", "/a"), virtiofs("a", "/b")},
			seen:       []model.Share{daemon("a", "/a", "", 10)},
			want:       []model.Share{daemon("a", "/a", "", 10), virtiofs("a", "/b")},
		},
		"9p has no daemon": {
			configured: []model.Share{{Tag: "p", Source: "/p", FSType: "9p"}},
			seen:       []model.Share{{Tag: "p", Source: "/p", FSType: "9p"}, daemon("", "/p", "", 10)},
			want:       []model.Share{{Tag: "p", Source: "/p", FSType: "9p"}},
		},
		"no configuration: those of no tag are those of no directory": {
			seen: []model.Share{virtiofs("a", ""), virtiofs("b", ""), daemon("", "/b", "auto", 20), daemon("", "/a", "auto", 10)},
			want: []model.Share{virtiofs("a", ""), virtiofs("b", "")},
		},
		"no configuration: a directory of no tag is better than none": {
			seen: []model.Share{{Tag: "p", Source: "/p", FSType: "9p"}, daemon("", "/b", "auto", 20)},
			want: []model.Share{{Tag: "p", Source: "/p", FSType: "9p"}, daemon("", "/b", "auto", 20)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			configured, seen := slices.Clone(tt.configured), slices.Clone(tt.seen)
			opts := cmp.AllowUnexported(model.Opt{})
			if diff := cmp.Diff(tt.want, mergeShares(tt.configured, tt.seen), opts); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff([][]model.Share{configured, seen}, [][]model.Share{tt.configured, tt.seen}, opts); diff != "" {
				t.Errorf("what was given is changed: %s", diff)
			}
		})
	}
}
