// Command scenariotable writes what the scenarios have come to, as recorded by
// fixtures/live in a file of JSON lines, as a table into a Markdown page, between
// two marks that the page has.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

const begin, end = "<!-- scenarios: begin -->\n", "<!-- scenarios: end -->\n"

// outcome is a line of the file: see fixtures/live/scenario_table_test.go.
type outcome struct {
	Order    int
	Scenario string
	Speed    float64
	Pages    []struct {
		Alert, Victim, Culprit string
		Must, May, Came        bool
		After                  time.Duration
	}
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: scenariotable OUTCOMES PAGE"))
	}
	outcomes, err := read(os.Args[1])
	if err != nil {
		fail(err)
	}
	page, err := os.ReadFile(os.Args[2])
	if err != nil {
		fail(err)
	}
	before, rest, ok1 := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		fail(fmt.Errorf("%s has not the marks %q and %q", os.Args[2], begin, end))
	}
	if err := os.WriteFile(os.Args[2], []byte(before+begin+table(outcomes)+end+after), 0o644); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "scenariotable: %v\n", err)
	os.Exit(1)
}

func read(file string) ([]outcome, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []outcome
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var o outcome
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		all = append(all, o)
	}
	return all, lines.Err()
}

// table gives a row for each alert that had to be raised, and one for each
// scenario's false alarms.
func table(all []outcome) string {
	slices.SortStableFunc(all, func(a, b outcome) int { return cmp.Compare(a.Order, b.Order) })
	type key struct {
		order                            int
		scenario, alert, victim, culprit string
	}
	var keys []key
	runs, raised, fast := map[int]int{}, map[key]int{}, 1.0
	took, falseAlarms := map[key][]time.Duration{}, map[int]int{}
	must, came, wrong, allowed := 0, 0, 0, 0
	for _, o := range all {
		runs[o.Order]++
		fast = max(fast, o.Speed)
		quiet := key{order: o.Order, scenario: o.Scenario}
		if !slices.Contains(keys, quiet) {
			keys = append(keys, quiet)
		}
		for _, p := range o.Pages {
			if p.May {
				allowed++
				continue
			}
			if !p.Must {
				falseAlarms[o.Order]++
				wrong++
				continue
			}
			k := key{o.Order, o.Scenario, p.Alert, p.Victim, p.Culprit}
			if !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
			must++
			if p.Came {
				came++
				raised[k]++
			}
			if p.After > 0 {
				took[k] = append(took[k], p.After)
			}
		}
	}
	var b strings.Builder
	b.WriteString("| scenario | alert | for | culprit named | raised | time to page (median) | false alarms |\n|---|---|---|---|---|---|---|\n")
	for _, k := range keys {
		if k.alert == "" {
			fmt.Fprintf(&b, "| %s | | | | runs: %d | | %d |\n", k.scenario, runs[k.order], falseAlarms[k.order])
			continue
		}
		fmt.Fprintf(&b, "| | %s | %s | %s | %d of %d | %s | |\n", k.alert, k.victim, k.culprit, raised[k], runs[k.order], median(took[k]))
	}
	fmt.Fprintf(&b, "\nIn time were %d of the %d that had to come (recall), and of %d pages %d were right (precision); %d more were neither asked for nor wrong",
		came, must, came+wrong, came, allowed)
	if fast > 1 {
		fmt.Fprintf(&b, "; the rules ran %g times as fast as they are shipped, and times are what that makes of them", fast)
	}
	b.WriteString(".\n")
	return b.String()
}

func median(all []time.Duration) string {
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return all[len(all)/2].Round(10 * time.Second).String()
}
