package collector

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// HandlerOpts are the options of the endpoint.
type HandlerOpts struct {
	DisableCompression bool
	MaxRequests        int // scrapes at once, more are refused; 0 means no limit
}

const (
	defaultDeadline = 10 * time.Second // Prometheus' own default
	maxMargin       = 500 * time.Millisecond
)

var errDeadline = errors.New("the scrape's deadline has passed")

// Handler returns the endpoint that Prometheus scrapes.
func (c *Collector) Handler(opts HandlerOpts) http.Handler {
	h := &handler{collector: c, opts: opts}
	if opts.MaxRequests > 0 {
		h.slots = make(chan struct{}, opts.MaxRequests)
	}
	return h
}

type handler struct {
	collector *Collector
	opts      HandlerOpts
	slots     chan struct{} // nil: no limit
	buffers   sync.Pool
}

// ServeHTTP encodes the exposition into memory and sends it when the
// collector's structures are free again, so that a client that reads slowly
// holds up nobody.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.slots != nil {
		select {
		case h.slots <- struct{}{}:
			defer func() { <-h.slots }()
		default:
			http.Error(w, "too many scrapes at once", http.StatusServiceUnavailable)
			return
		}
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), deadline(r), errDeadline)
	defer cancel()
	buf, ok := h.buffers.Get().(*response)
	if !ok {
		buf = &response{}
	}
	buf.reset(w.Header())
	promhttp.HandlerForTransactional(
		gatherer{h.collector, ctx},
		promhttp.HandlerOpts{DisableCompression: h.opts.DisableCompression, ErrorHandling: promhttp.ContinueOnError},
	).ServeHTTP(buf, r)
	buf.sendTo(w)
	h.buffers.Put(buf)
}

// deadline returns how long reading may take. Prometheus says how long it
// waits; a part of that is left for encoding and sending.
func deadline(r *http.Request) time.Duration {
	seconds, err := strconv.ParseFloat(r.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	wait := time.Duration(seconds * float64(time.Second))
	if err != nil || wait <= 0 || wait > time.Hour {
		wait = defaultDeadline
	}
	return wait - min(wait/5, maxMargin)
}

// response is a ResponseWriter in memory.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *response) reset(h http.Header) {
	b.header, b.status = h, http.StatusOK
	b.body.Reset()
}

// Header returns the header of the real response.
func (b *response) Header() http.Header { return b.header }

// WriteHeader keeps the status.
func (b *response) WriteHeader(status int) { b.status = status }

// Write keeps the bytes.
func (b *response) Write(p []byte) (int, error) { return b.body.Write(p) }

func (b *response) sendTo(w http.ResponseWriter) {
	w.Header().Set("Content-Length", strconv.Itoa(b.body.Len()))
	w.WriteHeader(b.status)
	_, _ = w.Write(b.body.Bytes()) // the client has gone: nobody to tell
}

// gatherer is one scrape: the collector's families and those of the process.
type gatherer struct {
	collector *Collector
	ctx       context.Context
}

var _ prometheus.TransactionalGatherer = gatherer{}

// Gather returns the families in the order of their names.
func (g gatherer) Gather() ([]*dto.MetricFamily, func(), error) {
	own, done, err := g.collector.gather(g.ctx)
	if err != nil {
		return nil, func() {}, err
	}
	keep := false
	defer func() { // promhttp does it from here on, but never if something panics
		if !keep {
			done()
		}
	}()
	self, err := g.collector.self.Gather()
	all := append(slices.Clone(own), self...)
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	keep = true
	return all, done, err
}
