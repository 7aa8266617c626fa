package engine

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// selection is what series, labels and label values have in common.
type selection struct {
	storage.Querier
	sets  [][]*labels.Matcher
	hints storage.SelectHints
	limit int
}

// selection reads the parameters and opens a querier, which the caller closes.
// badMatch makes the error of a bad selector.
func (a *api) selection(r *http.Request, badMatch func(error) error) (*selection, error) {
	limit, err := limitParam(r)
	if err != nil {
		return nil, err
	}
	start, end, err := rangeParams(r)
	if err != nil {
		return nil, err
	}
	sets, err := a.matchers(r.Form["match[]"])
	if err != nil {
		return nil, badMatch(err)
	}
	s := &selection{sets: sets, limit: limit, hints: storage.SelectHints{
		Start: timestamp.FromTime(start),
		End:   timestamp.FromTime(end),
		Limit: limitHint(limit),
		Func:  "series", // that is: no samples are read
	}}
	if s.Querier, err = a.storage.Querier(s.hints.Start, s.hints.End); err != nil {
		return nil, queryError(err)
	}
	return s, nil
}

// checkEvery is after how many series a client that has gone is noticed.
const checkEvery = 128

// series lists the label sets that one of the selectors matches.
func (a *api) series(r *http.Request) (answer, error) {
	if err := r.ParseForm(); err != nil {
		return answer{}, badData(fmt.Errorf("error parsing form values: %w", err))
	}
	if len(r.Form["match[]"]) == 0 {
		return answer{}, badData(errors.New("no match[] parameter provided"))
	}
	sel, err := a.selection(r, func(err error) error { return badParam("match[]", err) })
	if err != nil {
		return answer{}, err
	}
	// Label values are only valid while the querier is open.
	got := answer{done: func() { _ = sel.Close() }}
	ctx := r.Context()
	// To be merged, they must be in order.
	sets := make([]storage.SeriesSet, 0, len(sel.sets))
	for _, matchers := range sel.sets {
		sets = append(sets, sel.Select(ctx, len(sel.sets) > 1, &sel.hints, matchers...))
	}
	merged := sets[0]
	if len(sets) > 1 {
		merged = storage.NewMergeSeriesSet(sets, sel.hints.Limit, storage.ChainedSeriesMerge)
	}
	found := []labels.Labels{}
	for merged.Next() {
		found = append(found, merged.At().Labels())
		if sel.limit > 0 && len(found) > sel.limit {
			break
		}
		if len(found)%checkEvery == 0 && ctx.Err() != nil {
			return got, queryError(ctx.Err())
		}
	}
	got.warnings = merged.Warnings()
	if err := merged.Err(); err != nil {
		return got, queryError(err)
	}
	got.data = cut(&got, found, sel.limit)
	return got, nil
}

// labelNames lists the names of labels, of all series or of those selected.
func (a *api) labelNames(r *http.Request) (answer, error) {
	sel, err := a.selection(r, badData)
	if err != nil {
		return answer{}, err
	}
	return sel.strings(func(hints *storage.LabelHints, m ...*labels.Matcher) ([]string, annotations.Annotations, error) {
		return sel.LabelNames(r.Context(), hints, m...)
	})
}

// labelValues lists the values of one label.
func (a *api) labelValues(r *http.Request) (answer, error) {
	name := r.PathValue("name")
	if strings.HasPrefix(name, "U__") {
		name = model.UnescapeName(name, model.ValueEncodingEscaping)
	}
	if !model.UTF8Validation.IsValidLabelName(name) {
		return answer{}, badData(fmt.Errorf("invalid label name: %q", name))
	}
	sel, err := a.selection(r, badData)
	if err != nil {
		return answer{}, err
	}
	return sel.strings(func(hints *storage.LabelHints, m ...*labels.Matcher) ([]string, annotations.Annotations, error) {
		return sel.LabelValues(r.Context(), name, hints, m...)
	})
}

// strings asks for each set of matchers, or once for all, and returns what was
// found in order and without doubles.
func (s *selection) strings(ask func(*storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error)) (answer, error) {
	// They are only valid while the querier is open.
	got := answer{done: func() { _ = s.Close() }}
	sets := s.sets
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	found := []string{}
	for _, matchers := range sets {
		names, warnings, err := ask(&storage.LabelHints{Limit: s.hints.Limit}, matchers...)
		if err != nil {
			return got, queryError(err)
		}
		got.warnings.Merge(warnings)
		found = append(found, names...)
	}
	slices.Sort(found)
	got.data = cut(&got, slices.Compact(found), s.limit)
	return got, nil
}
