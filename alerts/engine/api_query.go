package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/util/httputil"
)

// queryData is the data of a query's answer.
type queryData struct {
	value parser.Value
}

// instantQuery evaluates an expression at one time.
func (a *api) instantQuery(r *http.Request) (answer, error) {
	at, err := timeParam(r, "time", a.now())
	if err != nil {
		return answer{}, err
	}
	return a.evaluate(r, func(ctx context.Context, opts promql.QueryOpts, expr string) (promql.Query, error) {
		return a.query.NewInstantQuery(ctx, a.storage, opts, expr, at)
	})
}

// maxPoints is the most points of a series in one answer: those of a minute for
// a week, or of an hour for a year.
const maxPoints = 11000

// rangeQuery evaluates an expression at each step of a range of time.
func (a *api) rangeQuery(r *http.Request) (answer, error) {
	start, end, step, err := stepParams(r)
	if err != nil {
		return answer{}, err
	}
	return a.evaluate(r, func(ctx context.Context, opts promql.QueryOpts, expr string) (promql.Query, error) {
		return a.query.NewRangeQuery(ctx, a.storage, opts, expr, start, end, step)
	})
}

// stepParams reads start, end and step, which must all be there.
func stepParams(r *http.Request) (start, end time.Time, step time.Duration, err error) {
	if start, err = parseTime(r.FormValue("start")); err != nil {
		return start, end, step, badParam("start", err)
	}
	if end, err = parseTime(r.FormValue("end")); err != nil {
		return start, end, step, badParam("end", err)
	}
	if end.Before(start) {
		return start, end, step, badParam("end", errors.New("end timestamp must not be before start time"))
	}
	if step, err = parseDuration(r.FormValue("step")); err != nil {
		return start, end, step, badParam("step", err)
	}
	// The engine counts milliseconds: with less, it would not get on.
	if step < time.Millisecond {
		return start, end, step, badParam("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	}
	if end.Sub(start)/step > maxPoints {
		return start, end, step, badData(errors.New("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"))
	}
	return start, end, step, nil
}

// evaluate runs the query that prepare makes of the request's expression, with
// the request's timeout, lookback_delta and limit. Statistics, which Grafana
// never shows, are not given.
func (a *api) evaluate(r *http.Request, prepare func(context.Context, promql.QueryOpts, string) (promql.Query, error)) (answer, error) {
	limit, err := limitParam(r)
	if err != nil {
		return answer{}, err
	}
	timeout, limited, err := durationParam(r, "timeout")
	if err != nil {
		return answer{}, err
	}
	ctx := httputil.ContextFromRequest(r.Context(), r)
	if limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	var lookback time.Duration // 0: the engine's own
	if text := r.FormValue("lookback_delta"); text != "" {
		if lookback, err = parseDuration(text); err != nil {
			return answer{}, badData(fmt.Errorf("error parsing lookback delta duration: %w", err))
		}
	}
	release, err := a.slot(ctx)
	if err != nil {
		return answer{}, err
	}
	query, err := prepare(ctx, promql.NewPrometheusQueryOpts(false, lookback), r.FormValue("query"))
	if err != nil {
		release()
		return answer{}, badParam("query", err)
	}
	// What the result consists of is used again after Close.
	got := answer{done: func() {
		query.Close()
		release()
	}}
	result := query.Exec(ctx)
	got.warnings = result.Warnings
	if result.Err != nil {
		return got, queryError(result.Err)
	}
	switch v := result.Value.(type) {
	case promql.Vector:
		got.data = queryData{cut(&got, v, limit)}
	case promql.Matrix:
		got.data = queryData{cut(&got, v, limit)}
	default:
		got.data = queryData{v}
	}
	return got, nil
}

// exemplars has none to give: the database keeps none. Grafana asks for them
// with each graph.
func (a *api) exemplars(r *http.Request) (answer, error) {
	start, end, err := rangeParams(r)
	if err != nil {
		return answer{}, err
	}
	if end.Before(start) {
		return answer{}, badData(errors.New("end timestamp must not be before start timestamp"))
	}
	if _, err := a.parser.ParseExpr(r.FormValue("query")); err != nil {
		return answer{}, badData(err)
	}
	return answer{data: []string{}}, nil
}

// formatQuery writes an expression as people like to read it.
func (a *api) formatQuery(r *http.Request) (answer, error) {
	expr, err := a.parser.ParseExpr(r.FormValue("query"))
	if err != nil {
		return answer{}, badParam("query", err)
	}
	return answer{data: expr.Pretty(0)}, nil
}
