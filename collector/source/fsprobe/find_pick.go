package fsprobe

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/identity"
	"github.com/virt-exporter/virt_exporter/collector/kernel"
	"github.com/virt-exporter/virt_exporter/collector/model"
)

// onePerPath leaves, of what is named, one for each path of each guest: the one
// in whose mount namespace the path is a mountpoint, and of these the first. A
// guest may have more than one namespace: of a service in it, for example.
func onePerPath(list []found) []found {
	slices.SortStableFunc(list, func(a, b found) int {
		return cmp.Or(compareNames(a.name, b.name), strings.Compare(a.path, b.path), byTruth(a.path == a.mount.Mountpoint, b.path == b.mount.Mountpoint))
	})
	return slices.CompactFunc(list, func(a, b found) bool { return a.name == b.name && a.path == b.path })
}

// onePerSuperblock leaves one for each superblock that is not among those before:
// this machine's first, then the one that was picked last, so that a series does
// not change its labels as containers come and go, and else the one that is best
// to look at.
func onePerSuperblock(list, before []found, picked map[string]place) []found {
	taken := make(map[string]bool, len(list)+len(before))
	for i := range before {
		taken[before[i].mount.Device] = true
	}
	was := func(m *found) bool {
		return picked[m.mount.Device] == place{m.name, m.mount.Mountpoint, m.mount.ID}
	}
	slices.SortFunc(list, func(a, b found) int {
		return cmp.Or(
			byTruth(a.name == (model.Name{}), b.name == (model.Name{})), byTruth(was(&a), was(&b)),
			compareMounts(&a.mount, &b.mount), compareNames(a.name, b.name),
		)
	})
	kept := list[:0]
	for _, m := range list {
		if !taken[m.mount.Device] {
			taken[m.mount.Device] = true
			kept = append(kept, m)
		}
	}
	slices.SortFunc(kept, func(a, b found) int {
		return cmp.Or(compareNames(a.name, b.name), strings.Compare(a.mount.Mountpoint, b.mount.Mountpoint), cmp.Compare(a.mount.ID, b.mount.ID))
	})
	return kept
}

// compareMounts puts first what stands best for a superblock: its root, then what
// does not look like a single file, the shorter path, the older mount.
func compareMounts(a, b *kernel.Mount) int {
	return cmp.Or(
		byTruth(a.Root == "/", b.Root == "/"),
		byTruth(!looksLikeFile(a.Mountpoint), !looksLikeFile(b.Mountpoint)),
		cmp.Compare(len(a.Mountpoint), len(b.Mountpoint)),
		cmp.Compare(a.ID, b.ID),
	)
}

// looksLikeFile guesses: mountinfo does not say, and to ask is to touch.
func looksLikeFile(mountpoint string) bool {
	return identity.IsEngineFile(mountpoint) || strings.LastIndexByte(path.Base(mountpoint), '.') > 0
}

// byTruth puts what is true first.
func byTruth(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// compareNames puts this machine before its guests.
func compareNames(a, b model.Name) int {
	return cmp.Or(strings.Compare(a.Runtime, b.Runtime), strings.Compare(a.Guest, b.Guest))
}
