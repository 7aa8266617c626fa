package dashboards

// Dashboard is a page of panels.
type Dashboard struct {
	UID         string // never changes: links lead to it
	File        string // without its ending
	Title       string
	Description string

	Wall  bool // nothing on it is to be chosen or clicked: only panels are shown
	Alone bool // all of it is of one host or guest

	From    string // the beginning of the time that is shown first: now-1h
	Refresh string

	Variables []Variable
	Alerts    []string // matchers of alerts that are marked in the panels
	Rows      []Row
}

// Row is panels of one height beside each other.
type Row struct {
	Title  string // has a line of its own that folds the row; empty: none
	Folded bool   // at first
	Height int    // in units of the grid, 38 pixels each
	Panels []Panel
}

// Panel is what one or more queries give, drawn.
type Panel struct {
	Title       string
	Description string // what it is, and what to do about it
	Width       int    // of the 24 columns
	Draw        Drawing
	Queries     []Query

	Unit     string // Grafana's name of it
	Decimals int    // digits behind the point; Auto lets Grafana choose
	Min, Max *float64
	NoValue  string // what stands there where there is no data
	Steps    []Step
	Words    []Word
	Fields   []Field
	Links    []Link

	// MayBeEmpty says why it is well if there is no data at times. Otherwise a test
	// asks for some.
	MayBeEmpty string
}

// Auto leaves the number of decimals to Grafana.
const Auto = -1

// Query is an expression in PromQL, with Grafana's variables in it.
type Query struct {
	Expr    string
	Legend  string // a series' name, from its labels
	Instant bool   // of now only
	Column  string // of a table, in which its value stands
}

// Step is the value from which on a colour is shown.
type Step struct {
	From  float64
	Color string
}

// Word is shown in place of a value.
type Word struct {
	Value float64
	Text  string
	Color string // empty: that of the value's step
}

// Field is how one column, or the series of a name, differ from the rest of a panel.
type Field struct {
	Name    string // of the column or the series
	Pattern string // a regular expression for names, in place of one name

	Title  string
	Unit   string
	Color  string
	Steps  []Step
	Words  []Word
	Cell   string // "", color-text, color-background, gauge
	Width  int    // pixels
	Hidden bool
	Filter bool // can be chosen by its values
	Max    *float64
	Digits *float64 // behind the point; nil: as the panel has them
	Links  []Link
	Below  bool // drawn downwards
	Right  bool // has an axis of its own at the right
	Dashed bool
	Stack  string // series of one name are stacked; "none" takes it out
	FillTo string // the series down to which the room below this one is filled
}

// Link leads to another dashboard or page.
type Link struct {
	Title string
	URL   string
}

// Variable is something that the user chooses.
type Variable struct {
	Name  string
	Label string
	Query string // label_values(…), or a list for a constant choice
	Kind  string // "": asked for; custom: the list
	All   bool   // all of them may be chosen
	Multi bool
}

// Drawing is how a panel shows its data: Stat, Bars, Lines, Table, Heatmap, Timeline
// or Text.
type Drawing interface {
	draw(p *Panel, g *grafanaPanel)
}

// of returns a pointer to a number, for what may be left out.
func of(f float64) *float64 { return &f }
