package dashboards

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestWallFitsAScreen(t *testing.T) {
	d := wall()
	panels, height := place(d.Rows)
	if height > wallHeight {
		t.Errorf("the wall is %d units high, a screen of 1080 lines shows %d", height, wallHeight)
	}
	for _, p := range panels {
		// Letters in tables and legends have a size that is for a desk.
		if slices.Contains([]string{"table", "timeseries", "row", "text"}, p.Type) {
			t.Errorf("panel %q is a %s: it cannot be read from afar", p.Title, p.Type)
		}
	}
	for _, row := range d.Rows {
		for _, p := range row.Panels {
			limited := regexp.MustCompile(`topk\((\d+),`).FindStringSubmatch(p.Queries[0].Expr)
			if limited == nil {
				continue // one word, or tiles without a size of their own
			}
			// A unit is for the title of the panel.
			if lines, _ := strconv.Atoi(limited[1]); float64(lines)*lineUnits > float64(row.Height-1) {
				t.Errorf("panel %q shows %d lines in %d units: they cannot be read from afar", p.Title, lines, row.Height)
			}
		}
	}
	if len(d.Variables) > 0 {
		t.Errorf("nobody chooses anything on a wall: it has %d variables", len(d.Variables))
	}
}

func TestPanelsLieBesideEachOther(t *testing.T) {
	for _, d := range All() {
		for _, row := range d.Rows {
			width := 0
			for _, p := range row.Panels {
				width += p.Width
			}
			if width != gridColumns {
				t.Errorf("%s, row %q with %q: its panels are %d columns wide, not %d", d.File, row.Title, row.Panels[0].Title, width, gridColumns)
			}
			if row.Height < 3 {
				t.Errorf("%s, row %q: %d units are no height", d.File, row.Title, row.Height)
			}
		}
	}
}

func TestPanelsSayWhatTheyAreAndWhatToDo(t *testing.T) {
	for _, d := range All() {
		if d.Description == "" || d.Refresh == "" || d.From == "" {
			t.Errorf("%s has no description, refresh or time", d.File)
		}
		seen := map[string]bool{}
		for _, p := range d.Panels() {
			if _, words := p.Draw.(Text); words {
				continue
			}
			if seen[p.Title] {
				t.Errorf("%s has two panels %q: who is told of one on the phone finds the other", d.File, p.Title)
			}
			seen[p.Title] = true
			if len(p.Description) < 40 || !strings.HasSuffix(p.Description, ".") {
				t.Errorf("%s, %q: the description is no sentence that helps: %q", d.File, p.Title, p.Description)
			}
			if len(p.Queries) == 0 {
				t.Errorf("%s, %q asks for nothing", d.File, p.Title)
			}
		}
	}
}

// A unit makes the difference between 0.3 and 30 %. Words and names have none.
func TestPanelsHaveUnits(t *testing.T) {
	for _, d := range All() {
		for _, p := range d.Panels() {
			stat, isStat := p.Draw.(Stat)
			_, isText := p.Draw.(Text)
			_, isTable := p.Draw.(Table)
			_, isTimeline := p.Draw.(Timeline)
			names := isStat && stat.Names
			if p.Unit == "" && len(p.Words) == 0 && !names && !isText && !isTable && !isTimeline {
				t.Errorf("%s, %q has no unit", d.File, p.Title)
			}
		}
	}
}

// Rows of a table come together only where its queries give the same labels.
func TestColumnsOfATableHaveTheSameLabels(t *testing.T) {
	for _, d := range All() {
		for _, p := range d.Panels() {
			table, ok := p.Draw.(Table)
			if !ok {
				continue
			}
			by := "by (" + strings.Join(table.By, ", ") + ")"
			for _, q := range p.Queries {
				if !q.Instant {
					t.Errorf("%s, %q asks for a range: a table shows what is now", d.File, p.Title)
				}
				if !strings.Contains(q.Expr, by) {
					t.Errorf("%s, %q, column %q is not aggregated %s:\n%s", d.File, p.Title, q.Column, by, q.Expr)
				}
			}
		}
	}
}
