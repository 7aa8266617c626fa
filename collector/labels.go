package collector

import (
	"fmt"
	"slices"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/source/libvirt"
)

const maxLabels = 64 // allow-listed container labels

// labelPlan says what stands where in model.Info.Labels: first what containers
// give, then what the metadata of virtual machines does.
type labelPlan struct {
	names           []string // by place, of labels on virt_guest_info; empty for what is not shown there
	mute, threshold []int    // places of what is said to alerts
}

// containerLabels returns the keys of the container labels that are read.
func (c Config) containerLabels() []string {
	keys := slices.Clone(c.GuestLabels)
	for _, key := range []string{c.MuteLabel, c.ThresholdLabel} {
		if key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// planLabels reports which label cannot be shown.
func planLabels(cfg Config) (labelPlan, error) {
	var p labelPlan
	metadata, err := libvirt.MetadataKeys(cfg.Libvirt.Metadata)
	if err != nil {
		return p, err
	}
	shown, err := labelNames(slices.Concat(cfg.GuestLabels, metadata))
	if err != nil {
		return p, err
	}
	containers := cfg.containerLabels()
	hidden := len(containers) - len(cfg.GuestLabels)
	p.names = slices.Insert(shown, len(cfg.GuestLabels), make([]string, hidden)...)
	keys := slices.Concat(containers, metadata)
	for i, key := range keys {
		if key == cfg.MuteLabel {
			p.mute = append(p.mute, i)
		}
		if key == cfg.ThresholdLabel {
			p.threshold = append(p.threshold, i)
		}
	}
	return p, nil
}

// labelNames makes label names of container labels: label_ and the key, with
// an underscore for what a label name may not hold.
func labelNames(keys []string) ([]string, error) {
	if len(keys) > maxLabels {
		return nil, fmt.Errorf("%d guest labels are too many: at most %d", len(keys), maxLabels)
	}
	names := make([]string, 0, len(keys))
	for _, key := range keys {
		name := "label_" + strings.Map(labelRune, key)
		if key == "" || slices.Contains(names, name) {
			return nil, fmt.Errorf("guest label %q: the name %s is empty or taken by another label", key, name)
		}
		names = append(names, name)
	}
	return names, nil
}

func labelRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '_'
}
