package collector

import (
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// row is one metric family: everything about it stands in one place.
type row[T any] struct {
	name   string
	help   string
	typ    dto.MetricType
	labels []string // besides those that the table gives to all its rows
	core   bool     // the name is a contract
	from   string   // where the value comes from, for METRICS.md

	// values gives the values of one T, absent ones included: they are left out.
	values func(*T, *series)
}

// table exposes the rows of one kind of subject, T. Subjects are known by K, of
// which the labels are made that all their series carry.
type table[K comparable, T any] struct {
	rows     []row[T]
	labels   func(K) []*dto.LabelPair
	families []*dto.MetricFamily
	cache    map[K]*cached
	pairs    pairs
	gen      uint64
	out      series
}

// cached holds the metrics of one T from scrape to scrape.
type cached struct {
	labels  []*dto.LabelPair // that all its series carry
	metrics [][]*sample      // by row, in the order in which the row gives them
	gen     uint64
}

// sample is one series.
type sample struct {
	metric dto.Metric
	value  float64
	labels []string // the values of the row's own labels
	hist   *histogram
}

func newTable[K comparable, T any](rows []row[T], labels func(K) []*dto.LabelPair) *table[K, T] {
	t := &table[K, T]{rows: rows, labels: labels, cache: make(map[K]*cached), pairs: make(pairs)}
	for i := range rows {
		r := &rows[i]
		t.families = append(t.families, &dto.MetricFamily{Name: &r.name, Help: &r.help, Type: r.typ.Enum()})
	}
	return t
}

// begin starts an exposition.
func (t *table[K, T]) begin() {
	t.gen++
	for _, f := range t.families {
		f.Metric = f.Metric[:0]
	}
}

// add exposes what the rows give for v, which is known by key.
func (t *table[K, T]) add(key K, v *T) {
	c, ok := t.cache[key]
	if !ok {
		c = &cached{labels: t.labels(key), metrics: make([][]*sample, len(t.rows))}
		t.cache[key] = c
	}
	c.gen = t.gen
	for i := range t.rows {
		r := &t.rows[i]
		t.out = series{typ: r.typ, names: r.labels, base: c.labels, pairs: t.pairs, family: t.families[i], kept: c.metrics[i]}
		r.values(v, &t.out)
		c.metrics[i] = t.out.kept
	}
}

// end returns the families that have series, and forgets what was not added.
func (t *table[K, T]) end(out []*dto.MetricFamily) []*dto.MetricFamily {
	for key, c := range t.cache {
		if c.gen != t.gen {
			delete(t.cache, key)
		}
	}
	for _, f := range t.families {
		if len(f.Metric) > 0 {
			out = append(out, f)
		}
	}
	return out
}

func nameLabels(n model.Name) []*dto.LabelPair {
	var labels []*dto.LabelPair
	add := func(name, value string) {
		labels = append(labels, &dto.LabelPair{Name: proto.String(name), Value: proto.String(value)})
	}
	if n.Kind != "" {
		add("guest", n.Guest)
		add("kind", string(n.Kind))
		add("runtime", n.Runtime)
	}
	if n.VMHost != "" {
		add("vm_host", n.VMHost)
	}
	return labels
}

// place is by what a mount is known: whose mount namespace it is in, and where.
type place struct {
	model.Name
	mountpoint string
}

func placeLabels(p place) []*dto.LabelPair {
	labels := append(nameLabels(p.Name), &dto.LabelPair{Name: proto.String("mountpoint"), Value: proto.String(p.mountpoint)})
	sortLabels(labels)
	return labels
}

func sortLabels(labels []*dto.LabelPair) {
	slices.SortFunc(labels, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
}

// series takes the values of one row for one T.
type series struct {
	typ    dto.MetricType
	names  []string
	base   []*dto.LabelPair
	pairs  pairs
	family *dto.MetricFamily
	kept   []*sample
	n      int
}

// add gives one value, if there is one, with the values of the row's labels.
func (s *series) add(v model.Opt, labels ...string) {
	if value, ok := v.Get(); ok {
		s.next(labels).value = value
	}
}

// add1 gives the value 1, for families whose labels are what they say.
func (s *series) add1(labels ...string) { s.next(labels).value = 1 }

// bool gives 0 or 1.
func (s *series) bool(v bool, labels ...string) {
	value := 0.0
	if v {
		value = 1
	}
	s.next(labels).value = value
}

// histogram gives a histogram, if there is one.
func (s *series) histogram(h *model.Histogram, labels ...string) {
	if h != nil {
		s.next(labels).hist.set(h)
	}
}

// next returns the sample for the next series. It was made by an earlier scrape
// unless the labels are others now.
func (s *series) next(labels []string) *sample {
	if s.n == len(s.kept) {
		s.kept = append(s.kept, nil)
	}
	m := s.kept[s.n]
	if m == nil || !slices.Equal(m.labels, labels) {
		m = s.newSample(labels)
		s.kept[s.n] = m
	}
	s.n++
	s.family.Metric = append(s.family.Metric, &m.metric)
	return m
}

func (s *series) newSample(labels []string) *sample {
	m := newSample(s.typ)
	pairs := append(make([]*dto.LabelPair, 0, len(s.base)+len(labels)), s.base...)
	if len(labels) > 0 {
		m.labels = slices.Clone(labels)
		for i := range labels {
			pairs = append(pairs, s.pairs.get(&s.names[i], m.labels[i]))
		}
		sortLabels(pairs)
	}
	m.metric.Label = pairs
	return m
}

// pairs are labels that many series share: op="read" is that of every guest.
type pairs map[[2]string]*dto.LabelPair

// get returns the label name="value". Those that are one guest's own, as ids
// are, soon find no room and are made for it alone.
func (p pairs) get(name *string, value string) *dto.LabelPair {
	const most = 1024
	key := [2]string{*name, value}
	pair, ok := p[key]
	if !ok {
		pair = &dto.LabelPair{Name: name, Value: &value}
		if len(value) <= maxShared && len(p) < most {
			p[key] = pair
		}
	}
	return pair
}

// maxShared is the length of a label value that may be one of many series:
// longer ones are ids, paths and images.
const maxShared = 16

// newSample makes a sample and the message that holds its value in one piece:
// encoding is mostly waiting for memory.
func newSample(typ dto.MetricType) *sample {
	switch typ {
	case dto.MetricType_COUNTER:
		m := &struct {
			sample
			counter dto.Counter
		}{}
		m.counter.Value, m.metric.Counter = &m.value, &m.counter
		return &m.sample
	case dto.MetricType_HISTOGRAM:
		m := &sample{hist: newHistogram()}
		m.metric.Histogram = &m.hist.dto
		return m
	default:
		m := &struct {
			sample
			gauge dto.Gauge
		}{}
		m.gauge.Value, m.metric.Gauge = &m.value, &m.gauge
		return &m.sample
	}
}
