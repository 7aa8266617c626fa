package dashboards

import "fmt"

// Labels by which guests are shown. Names that a scraper gives besides are left out:
// two rows for one guest help nobody.
const (
	guestRow  = "guest, instance, vm_host, kind, runtime"
	guestLine = "instance, kind, runtime, guest"
)

// worstInRange returns the n series that were greatest at any moment of the time that
// is shown, over all of it. topk alone would choose anew at each point, and lines come
// and go. Those that were 0 throughout are left out. selector is a name with its
// matchers.
func worstInRange(n int, labels, selector string) string {
	return fmt.Sprintf("max by (%[2]s) (%[4]s)\nand topk(%[1]d, max by (%[2]s) (max_over_time(%[3]s[$__range] @ end())) > 0)", n, labels, selector, peaks(selector))
}

// peaks is at each point the greatest value since the point before. Over a week points
// are minutes apart, and what is short would lie between them. A series that is recorded
// more seldom than points are drawn is what it was last.
func peaks(selector string) string {
	return "max_over_time(" + selector + "[$__interval]) or " + selector
}

// worstStill is worstInRange of those that are still there at the end of it: what shows
// the last number that there was would show those of series that have ended as well.
// That number is of now, so there are no peaks.
func worstStill(n int, labels, selector string) string {
	return fmt.Sprintf("max by (%[2]s) (%[3]s)\nand topk(%[1]d, max by (%[2]s) (max_over_time(%[3]s[$__range] @ end())) > 0 and max by (%[2]s) (%[3]s @ end()))", n, labels, selector)
}

// still is an aggregation of a series over time, if there is one at the end of it.
func still(agg, selector string) string {
	return fmt.Sprintf("%[1]s(%[2]s)\nand %[1]s(%[2]s @ end())", agg, selector)
}

// once counts an exporter once that two jobs scrape by one name.
func once(expr string) string { return "max without (job) (" + expr + ")" }

// secondsInRange returns what a rate amounts to in the time that is shown. Where it has
// no series it was nothing, which an average would not know.
func secondsInRange(selector string) string {
	return "sum_over_time(" + selector + "[$__range:1m]) * 60"
}

// asOfNow makes the queries of a table: each gives a column of what is now.
func asOfNow(queries ...Query) []Query {
	for i := range queries {
		queries[i].Instant = true
	}
	return queries
}

// hurtSteps colour multiples of what an alert bears. Of them all none is a page: alerts
// of CPU and memory page at different ones, that of I/O at none.
func hurtSteps() []Step {
	return []Step{{0, calm}, {0.5, yellow}, {1, warning}}
}

// resourceColors are those of what a guest waits for.
func resourceColors() []Field {
	return []Field{
		{Pattern: "/^(CPU|cpu)/", Color: vermillion},
		{Pattern: "/^(disk|io)/", Color: sky},
		{Pattern: "/^memory/", Color: purple},
	}
}

// severityColumn is the worst alert in a table, as a word.
func severityColumn(words []Word) Field {
	return Field{Name: "Worst alert", Words: words, Steps: severitySteps(), Cell: "color-background", Width: 120}
}

// guestColumns are the labels of guestRow as columns of a table.
func guestColumns() []Field {
	return []Field{
		{Name: "guest", Title: "Guest", Links: []Link{guestLink(true)}},
		{Name: "instance", Title: "Host", Links: []Link{hostLink(true)}},
		{Name: "vm_host", Title: "Remote host"},
		{Name: "kind", Title: "Kind", Width: 100},
		{Name: "runtime", Title: "Runtime", Width: 110},
	}
}
