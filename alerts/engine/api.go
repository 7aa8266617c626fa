package engine

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/annotations"
	"github.com/prometheus/prometheus/util/httputil"
)

// api answers Prometheus' query API, as far as Grafana's data source and
// Prometheus' own tools ask for it: paths, parameters, JSON, codes and limits
// are those of Prometheus 3. Upstream's own package is not used: its
// constructor takes all of a Prometheus server.
type api struct {
	query         queryEngine
	storage       storage.Queryable
	parser        parser.Parser
	targets       targetLister
	alertmanagers alertmanagerLister
	rules         ruleLister
	status        statusInfo
	logger        *slog.Logger
	now           func() time.Time
	slots         chan struct{} // of queries; as many as may run at one time
}

type queryEngine interface {
	NewInstantQuery(context.Context, storage.Queryable, promql.QueryOpts, string, time.Time) (promql.Query, error)
	NewRangeQuery(context.Context, storage.Queryable, promql.QueryOpts, string, time.Time, time.Time, time.Duration) (promql.Query, error)
}

// targetLister is what the scrape manager knows of its targets, by scrape pool.
type targetLister interface {
	TargetsActive() map[string][]*scrape.Target
	TargetsDropped() map[string][]*scrape.Target
	TargetsDroppedCounts() map[string]int
}

type alertmanagerLister interface {
	Alertmanagers() []*url.URL
	DroppedAlertmanagers() []*url.URL
}

type ruleLister interface {
	RuleGroups() []*rules.Group
	AlertingRules() []*rules.AlertingRule
}

// answer is what an endpoint found.
type answer struct {
	data     any // what is to become the JSON of "data"
	warnings annotations.Annotations
	done     func() // called when data has been encoded; may be nil
}

// endpoint answers one request, or fails with an *apiError.
type endpoint func(*http.Request) (answer, error)

const apiPrefix = "/api/v1/"

// register adds all endpoints to the mux.
func (a *api) register(mux *http.ServeMux) {
	for path, e := range map[string]endpoint{
		"query":           a.instantQuery,
		"query_range":     a.rangeQuery,
		"query_exemplars": a.exemplars,
		"format_query":    a.formatQuery,
		"series":          a.series,
		"labels":          a.labelNames,
	} {
		mux.Handle("POST "+apiPrefix+path, a.serve(e))
		mux.Handle("GET "+apiPrefix+path, a.serve(e))
	}
	for path, e := range map[string]endpoint{
		"label/{name}/values": a.labelValues,
		"metadata":            a.metadata,
		"rules":               a.ruleGroups,
		"alerts":              a.activeAlerts,
		"targets":             a.targetList,
		"alertmanagers":       a.alertmanagerList,
		"status/buildinfo":    a.buildInfo,
		"status/runtimeinfo":  a.runtimeInfo,
	} {
		mux.Handle("GET "+apiPrefix+path, a.serve(e))
	}
}

// serve makes a handler of an endpoint.
func (a *api) serve(e endpoint) http.Handler {
	return httputil.CompressionHandler{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := e(r)
		if got.done != nil {
			defer got.done()
		}
		if err != nil {
			a.respondError(w, err)
			return
		}
		// The positions in warnings are those of the query's text.
		warnings, infos := got.warnings.AsStrings(r.FormValue("query"), maxAnnotations, maxAnnotations)
		body, err := appendSuccess(nil, got.data, warnings, infos)
		if err != nil {
			a.respondError(w, &apiError{errorInternal, err})
			return
		}
		a.respond(w, http.StatusOK, body)
	})}
}

// maxAnnotations is how many warnings, and how many infos, an answer has at most.
const maxAnnotations = 10

func (a *api) respondError(w http.ResponseWriter, err error) {
	var failed *apiError
	if !errors.As(err, &failed) {
		failed = &apiError{errorInternal, err}
	}
	kind := failed.kind
	if errors.Is(err, tsdb.ErrNotReady) {
		kind = errorUnavailable
	}
	a.respond(w, kind.code(), appendError(nil, kind, failed.err.Error()))
}

func (a *api) respond(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if _, err := w.Write(body); err != nil {
		a.logger.Debug("A client has gone before its answer", "err", err)
	}
}

// errorKind is the type of an error in an answer, as Prometheus names it.
type errorKind string

const (
	errorBadData     errorKind = "bad_data"
	errorExec        errorKind = "execution"
	errorCanceled    errorKind = "canceled"
	errorTimeout     errorKind = "timeout"
	errorInternal    errorKind = "internal"
	errorUnavailable errorKind = "unavailable"
)

// statusClientGone is nginx' code for a client that did not wait for its answer.
const statusClientGone = 499

// code is the HTTP status of such an error.
func (k errorKind) code() int {
	switch k {
	case errorBadData:
		return http.StatusBadRequest
	case errorExec:
		return http.StatusUnprocessableEntity
	case errorCanceled:
		return statusClientGone
	case errorTimeout, errorUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// apiError is an error with its type in the answer.
type apiError struct {
	kind errorKind
	err  error
}

func (e *apiError) Error() string { return string(e.kind) + ": " + e.err.Error() }

func (e *apiError) Unwrap() error { return e.err }

// queryError gives an error of the query engine or of the storage its type.
func queryError(err error) error {
	var (
		canceled promql.ErrQueryCanceled
		timeout  promql.ErrQueryTimeout
		stored   promql.ErrStorage
	)
	switch {
	case errors.As(err, &canceled), errors.Is(err, context.Canceled):
		return &apiError{errorCanceled, err}
	case errors.As(err, &timeout), errors.Is(err, context.DeadlineExceeded):
		return &apiError{errorTimeout, err}
	case errors.As(err, &stored):
		return &apiError{errorInternal, err}
	}
	return &apiError{errorExec, err}
}
