package libvirt

import (
	"bytes"
	"encoding/xml"
	"strings"
)

// space is what XML takes for it.
const space = " \t\r\n"

// metadataMatch finds texts in a <metadata> element while its tokens pass by.
type metadataMatch struct {
	paths    []metadataPath
	values   []string // of the paths; the first text that is not empty counts
	open     []xml.Name
	texts    []metadataText
	kubevirt bool // KubeVirt wrote the domain
}

// metadataText gathers the text of an open element.
type metadataText struct {
	path, depth int
	text        []byte
}

func newMetadataMatch(paths []metadataPath) *metadataMatch {
	return &metadataMatch{paths: paths, values: make([]string, len(paths))}
}

// start is the start of an element below <metadata>.
func (m *metadataMatch) start(e *xml.StartElement) {
	m.open = append(m.open, e.Name)
	if len(m.open) == 1 && e.Name.Space == kubevirtNamespace && e.Name.Local == "kubevirt" {
		m.kubevirt = true
	}
	if len(m.open) > maxPathSteps {
		return
	}
	for i := range m.paths {
		p := &m.paths[i]
		if m.values[i] != "" || !p.matches(m.open) {
			continue
		}
		if p.attr.Local == "" {
			m.texts = append(m.texts, metadataText{path: i, depth: len(m.open)})
			continue
		}
		for _, a := range e.Attr {
			if a.Name.Space != "xmlns" && sameName(p.attr, a.Name) {
				m.set(i, a.Value)
				break
			}
		}
	}
}

// text is text within the innermost element. No more is kept than is shown.
func (m *metadataMatch) text(b []byte) {
	for i := range m.texts {
		if t := &m.texts[i]; t.depth == len(m.open) {
			own := b
			if len(t.text) == 0 {
				own = bytes.TrimLeft(b, space)
			}
			t.text = append(t.text, own[:min(len(own), 2*maxLabel-len(t.text))]...)
		}
	}
}

// end is the end of the innermost element.
func (m *metadataMatch) end() {
	for n := len(m.texts); n > 0 && m.texts[n-1].depth == len(m.open); n-- {
		m.set(m.texts[n-1].path, string(m.texts[n-1].text))
		m.texts = m.texts[:n-1]
	}
	m.open = m.open[:len(m.open)-1]
}

func (m *metadataMatch) set(i int, value string) {
	if m.values[i] == "" {
		m.values[i] = label(strings.Trim(value, space))
	}
}

func (p *metadataPath) matches(open []xml.Name) bool {
	if len(p.steps) != len(open) {
		return false
	}
	for i := len(open) - 1; i >= 0; i-- {
		if !sameName(p.steps[i], open[i]) {
			return false
		}
	}
	return true
}

// sameName compares a step with a name in the document.
func sameName(step, name xml.Name) bool {
	return step.Local == name.Local && (step.Space == "" || step.Space == name.Space)
}
