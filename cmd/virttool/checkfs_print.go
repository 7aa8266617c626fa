package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe"
	"github.com/virt-exporter/virt_exporter/collector/source/fsprobe/threshold"
)

// verdict says how bad the overhead of an operation is.
type verdict int

const (
	unjudged verdict = iota // there are no bounds, or nothing to judge by
	fine
	high
	critical
)

func (v verdict) String() string { return [...]string{"not judged", "ok", "high", "critical"}[v] }

func (v verdict) exitCode() int { return [...]int{0, 0, exitWarning, exitCritical}[v] }

// checked is one line of the answer. Bounds are null where there are too few
// pairs for them.
type checked struct {
	Op               string   `json:"op"`
	Reference        string   `json:"reference"`
	Ratio            float64  `json:"ratio"`
	RatioLower       *float64 `json:"ratio_lower"`
	RatioUpper       *float64 `json:"ratio_upper"`
	AddedSeconds     float64  `json:"added_seconds"`
	AddedLower       *float64 `json:"added_seconds_lower"`
	AddedUpper       *float64 `json:"added_seconds_upper"`
	MountSeconds     float64  `json:"mount_seconds"`
	ReferenceSeconds float64  `json:"reference_seconds"`
	Pairs            int      `json:"pairs"`
	Verdict          string   `json:"verdict"`
}

// judge holds what was measured against the thresholds, as the alert rules do.
// Against memory only where there is no disk to compare with, and then not reads
// and writes: they wait for no disk there.
func judge(m *fsprobe.Measured) (rows []checked, worst verdict) {
	judged := judgedReference(m)
	for i := range m.Mount.Probes {
		p := &m.Mount.Probes[i]
		ratio, ok := p.Ratio.Get()
		if !ok {
			continue
		}
		v := unjudged
		if p.Reference == judged && (judged == fsprobe.ReferenceLocal || p.Op != "read" && p.Op != "write") {
			v = verdictOn(p, m.Mount.FSType)
		}
		worst = max(worst, v)
		rows = append(rows, checked{
			Op: p.Op, Reference: p.Reference, Ratio: ratio, RatioLower: pointer(p.RatioLower), RatioUpper: pointer(p.RatioUpper),
			AddedSeconds: p.Added.Or(0), AddedLower: pointer(p.AddedLower), AddedUpper: pointer(p.AddedUpper),
			MountSeconds: p.MountMedian.Or(0), ReferenceSeconds: p.BesideMedian.Or(0), Pairs: int(p.Pairs.Or(0)), Verdict: v.String(),
		})
	}
	return rows, worst
}

func verdictOn(p *model.Probe, fstype string) verdict {
	lower, ok := p.RatioLower.Get()
	if !ok {
		return unjudged
	}
	added := p.AddedLower.Or(math.NaN())
	switch warn, crit := threshold.For(p.Op, fstype); {
	case crit.Exceeded(lower, added):
		return critical
	case warn.Exceeded(lower, added):
		return high
	}
	return fine
}

// judgedReference is the local one where there is one.
func judgedReference(m *fsprobe.Measured) string {
	judged := ""
	for _, r := range m.References {
		if judged == "" || r.Label == fsprobe.ReferenceLocal {
			judged = r.Label
		}
	}
	return judged
}

func pointer(o model.Opt) *float64 {
	if v, ok := o.Get(); ok {
		return &v
	}
	return nil
}

func writeCheckJSON(w io.Writer, _ string, _ *fsprobe.Measured, rows []checked) error {
	if rows == nil {
		rows = []checked{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(rows)
}

func writeCheckTable(w io.Writer, path string, m *fsprobe.Measured, rows []checked) error {
	what := m.Mount.FSType
	if m.Mount.Tag != "" {
		what += " " + m.Mount.Tag
	} else if m.Mount.Source != "" {
		what += " " + m.Mount.Source
	}
	fmt.Fprintf(w, "%s: %s on %s\n", path, what, m.Mount.Mountpoint)
	for _, r := range m.References {
		fmt.Fprintf(w, "reference %s: %s\n", r.Label, r.Dir)
	}
	if len(rows) == 0 {
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\nOP\tREFERENCE\tON THE MOUNT\tBESIDE IT\tRATIO (95 % BOUNDS)\tADDED (95 % BOUNDS)\tPAIRS\t")
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%.3g%s\t%s%s\t%d\t%s\n", r.Op, r.Reference, duration(r.MountSeconds), duration(r.ReferenceSeconds),
			r.Ratio, bounds(r.RatioLower, r.RatioUpper, func(v float64) string { return fmt.Sprintf("%.3g", v) }),
			duration(r.AddedSeconds), bounds(r.AddedLower, r.AddedUpper, duration), r.Pairs, r.Verdict)
	}
	return tw.Flush()
}

func bounds(lower, upper *float64, text func(float64) string) string {
	if lower == nil || upper == nil {
		return ""
	}
	return " (" + text(*lower) + " … " + text(*upper) + ")"
}

// duration writes seconds with three digits.
func duration(s float64) string {
	d := seconds(s)
	switch abs := d.Abs(); {
	case abs >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case abs >= 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	case abs >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case abs >= 10*time.Microsecond:
		return d.Round(100 * time.Nanosecond).String()
	}
	return d.Round(10 * time.Nanosecond).String()
}
