package collector

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// alertRows is what guests say to alerts, in labels that the operator allows.
func alertRows(p labelPlan) []row[model.Guest] {
	return []row[model.Guest]{
		{
			name: "virt_guest_alert_threshold", typ: gauge, labels: []string{"alert"},
			help: "Threshold of the guest's own for an alert, in the alert's unit.",
			from: "the container label or metadata that --guest.threshold-label names: ALERT=NUMBER, several with a comma between",
			values: func(g *model.Guest, s *series) {
				for _, t := range thresholds(g.Info.Labels, p.threshold) {
					s.add(model.Some(t.value), t.alert)
				}
			},
		},
		{
			name: "virt_guest_alert_muted", typ: gauge, labels: []string{"alert"},
			help: "An alert that is not to be raised for the guest, always 1; the alert all is every one.",
			from: "the container label or metadata that --guest.mute-label names: ALERT, several with a comma between, or all",
			values: func(g *model.Guest, s *series) {
				for _, alert := range muted(g.Info.Labels, p.mute) {
					s.add1(alert)
				}
			},
		},
	}
}

// maxAlerts is how many alerts a guest may have something to say to: its label is
// a stranger's.
const maxAlerts = 32

// ownThreshold is a guest's own threshold for an alert.
type ownThreshold struct {
	alert string
	value float64
}

// thresholds reads what stands at those places of a guest's labels. What is no
// alert's name and no number that something can be above is left out.
func thresholds(labels []string, places []int) []ownThreshold {
	var all []ownThreshold
	for part := range listed(labels, places) {
		alert, number, _ := strings.Cut(part, "=")
		alert = strings.TrimSpace(alert)
		value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsNaN(value) || math.IsInf(value, 0) || value < 0 || !isAlert(alert) ||
			slices.ContainsFunc(all, func(t ownThreshold) bool { return t.alert == alert }) {
			continue
		}
		if all = append(all, ownThreshold{alert, value}); len(all) == maxAlerts {
			break
		}
	}
	return all
}

// muted reads what stands at those places of a guest's labels.
func muted(labels []string, places []int) []string {
	var all []string
	for part := range listed(labels, places) {
		alert := strings.TrimSpace(part)
		if (alert != everyAlert && !isAlert(alert)) || slices.Contains(all, alert) {
			continue
		}
		if all = append(all, alert); len(all) == maxAlerts {
			break
		}
	}
	return all
}

// everyAlert stands for all alerts where one is muted.
const everyAlert = "all"

// listed gives what stands between the commas of a guest's labels.
func listed(labels []string, places []int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, i := range places {
			if i >= len(labels) || labels[i] == "" {
				continue
			}
			for part := range strings.SplitSeq(labels[i], ",") {
				if !yield(part) {
					return
				}
			}
		}
	}
}

// isAlert reports whether an alert can have the name, of our rules or of others.
func isAlert(name string) bool {
	if name == "" || len(name) > 128 {
		return false
	}
	for _, r := range name {
		if labelRune(r) != r {
			return false
		}
	}
	return true
}
