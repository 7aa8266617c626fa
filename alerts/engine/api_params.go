package engine

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// badParam says which parameter cannot be used, in Prometheus' words.
func badParam(name string, err error) error {
	return &apiError{errorBadData, fmt.Errorf("invalid parameter %q: %w", name, err)}
}

// minTime and maxTime are the ends of a range that a request leaves open, those
// of Prometheus: clients send them back in its format.
func minTime() time.Time { return time.Unix(math.MinInt64/1000+62135596801, 0).UTC() }

func maxTime() time.Time { return time.Unix(math.MaxInt64/1000-62135596801, 999999999).UTC() }

// badData is an error of the request as a whole.
func badData(err error) error { return &apiError{errorBadData, err} }

// timeParam reads a parameter that is a Unix time in seconds or RFC 3339.
func timeParam(r *http.Request, name string, otherwise time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" {
		return otherwise, nil
	}
	t, err := parseTime(text)
	if err != nil {
		return time.Time{}, badParam(name, fmt.Errorf("invalid time value for '%s': %w", name, err))
	}
	return t, nil
}

func parseTime(text string) (time.Time, error) {
	if t, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(t) && !math.IsInf(t, 0) {
		seconds, fraction := math.Modf(t)
		fraction = math.Round(fraction*1000) / 1000
		return time.Unix(int64(seconds), int64(fraction*float64(time.Second))).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	// Years of more than four digits are written, but not read, by package time.
	for _, end := range []time.Time{minTime(), maxTime()} {
		if text == end.Format(time.RFC3339Nano) {
			return end, nil
		}
	}
	return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", text)
}

// rangeParams reads start and end, each of which may be left out.
func rangeParams(r *http.Request) (start, end time.Time, err error) {
	if start, err = timeParam(r, "start", minTime()); err != nil {
		return start, end, err
	}
	end, err = timeParam(r, "end", maxTime())
	return start, end, err
}

// durationParam reads a parameter that is in seconds or in PromQL's form. The
// second result says whether it was there.
func durationParam(r *http.Request, name string) (time.Duration, bool, error) {
	text := r.FormValue(name)
	if text == "" {
		return 0, false, nil
	}
	d, err := parseDuration(text)
	if err != nil {
		return 0, false, badParam(name, err)
	}
	return d, true, nil
}

func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		ns := seconds * float64(time.Second)
		// NaN is neither above nor below, and has no integer.
		if !(ns < math.MaxInt64 && ns > math.MinInt64) {
			return 0, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", text)
		}
		return time.Duration(ns), nil
	}
	if d, err := model.ParseDuration(text); err == nil {
		return time.Duration(d), nil
	}
	return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
}

// limitParam reads the most results that are wanted; 0 is all.
func limitParam(r *http.Request) (int, error) {
	text := r.FormValue("limit")
	if text == "" {
		return 0, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil {
		return 0, badParam("limit", err)
	}
	if limit < 0 {
		return 0, badParam("limit", errors.New("limit must be non-negative"))
	}
	return limit, nil
}

// limitHint is what the storage is told: one more, so that it shows when there
// was more.
func limitHint(limit int) int {
	if limit > 0 && limit < math.MaxInt {
		return limit + 1
	}
	return limit
}

// cut shortens what is longer than limit and adds the warning that says so.
func cut[S ~[]T, T any](got *answer, items S, limit int) S {
	if limit <= 0 || len(items) <= limit {
		return items
	}
	got.warnings.Add(errors.New("results truncated due to limit"))
	return items[:limit]
}

// matchers reads series selectors. One that every series matches is refused. The
// error has no type yet.
func (a *api) matchers(selectors []string) ([][]*labels.Matcher, error) {
	sets, err := a.parser.ParseMetricSelectors(selectors)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		if !selects(set) {
			return nil, errors.New("match[] must contain at least one non-empty matcher")
		}
	}
	return sets, nil
}

func selects(set []*labels.Matcher) bool {
	for _, m := range set {
		if m != nil && !m.Matches("") {
			return true
		}
	}
	return false
}
