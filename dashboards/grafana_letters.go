package dashboards

import "slices"

// readable returns the panel with other colours where its colours are those of letters.
func (p *Panel) readable() *Panel {
	of, quiet := *p, ""
	switch d := p.Draw.(type) {
	case Stat:
		if !d.Fill {
			quiet = plain
		}
	case Bars: // up to Grafana 9 numbers have the colour of their bars
		quiet = grey
	}
	if quiet != "" {
		of.Steps, of.Words = lettered(p.Steps, quiet), letteredWords(p.Words, quiet)
	}
	of.Fields = slices.Clone(p.Fields)
	for i := range of.Fields {
		of.Fields[i].readable(quiet)
	}
	return &of
}

// readable changes the colours of a field in a panel of letters; of a table's columns
// those of the cells that have some.
func (f *Field) readable(quiet string) {
	if f.Cell == "color-text" || f.Cell == "gauge" {
		quiet = plain
	}
	if quiet == "" {
		return
	}
	if len(f.Steps) > 0 || f.Cell != "" {
		f.Steps = lettered(f.Steps, quiet)
	}
	f.Words = letteredWords(f.Words, quiet)
}

// lettered returns steps in colours for letters, with quiet for what is calm, which
// cannot be read; where there are none, quiet alone.
func lettered(steps []Step, quiet string) []Step {
	if len(steps) == 0 {
		return []Step{{0, quiet}}
	}
	steps = slices.Clone(steps)
	for i := range steps {
		if steps[i].Color == calm {
			steps[i].Color = quiet
		}
	}
	return steps
}

// letteredWords does it for words.
func letteredWords(words []Word, quiet string) []Word {
	words = slices.Clone(words)
	for i := range words {
		if words[i].Color == calm {
			words[i].Color = quiet
		}
	}
	return words
}
