package collector

import (
	"slices"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// mergeShares puts together what a daemon that knows the machine's configuration
// says of its shares and what the processes say: the daemon lists them all, the
// processes have the figures, and what the daemon leaves out. The list is a new
// one: what the sources gave stays as it is when more is said of a share.
func mergeShares(configured, seen []model.Share) []model.Share {
	if len(configured) == 0 {
		return withoutDoubles(seen)
	}
	merged := slices.Clone(configured)
	for i := range merged {
		if from := counterpart(merged, i, seen); from != nil {
			fillShare(&merged[i], from)
		}
	}
	return merged
}

// withoutDoubles leaves out shares of no tag where there are others of no
// source: the processes could not tell which is which, and they are the same.
func withoutDoubles(seen []model.Share) []model.Share {
	noTag := func(s model.Share) bool { return s.Tag == "" }
	noSource := func(s model.Share) bool { return s.Tag != "" && s.Source == "" }
	shares := slices.Clone(seen)
	if slices.ContainsFunc(seen, noSource) {
		shares = slices.DeleteFunc(shares, noTag)
	}
	return shares
}

// counterpart returns what the processes say of shares[at], nil if that cannot be
// told: of the same tag, else of a tag that is not known and the same directory,
// where there is one such on either side. Of two with one tag the first is it.
func counterpart(shares []model.Share, at int, seen []model.Share) *model.Share {
	share := &shares[at]
	if byTag := func(s model.Share) bool { return s.Tag == share.Tag && s.FSType == share.FSType }; share.Tag != "" {
		if slices.IndexFunc(shares, byTag) != at {
			return nil
		}
		if i := slices.IndexFunc(seen, byTag); i >= 0 && (seen[i].Source != "" || share.Source == "") {
			return &seen[i]
		}
	}
	sameSource := func(s model.Share) bool { return s.Source == share.Source && s.FSType == share.FSType }
	if share.Source == "" || count(shares, sameSource) != 1 {
		return nil
	}
	unnamed := func(s model.Share) bool { return s.Tag == "" && sameSource(s) }
	if count(seen, unnamed) != 1 {
		return nil
	}
	return &seen[slices.IndexFunc(seen, unnamed)]
}

func count(shares []model.Share, is func(model.Share) bool) (n int) {
	for i := range shares {
		if is(shares[i]) {
			n++
		}
	}
	return n
}

// fillShare adds what the processes say.
func fillShare(to, from *model.Share) {
	to.CPU, to.Steal, to.OpenFDs, to.MaxFDs = from.CPU, from.Steal, from.OpenFDs, from.MaxFDs
	if to.Source == "" {
		to.Source = from.Source
	}
	if to.Cache == "" {
		to.Cache = from.Cache
	}
}
