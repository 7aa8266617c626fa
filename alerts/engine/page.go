package engine

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// HandlerOptions are the choices of the HTTP side.
type HandlerOptions struct {
	Gatherer        prometheus.Gatherer // what /metrics exposes; nil: there is no such page
	EnableLifecycle bool                // whether /-/reload reloads
}

// Handler returns all pages of the alerter: what fires now at /, Prometheus'
// query API below /api/v1/, the expression of an alert at /graph, where
// Alertmanager's links lead, and /metrics, /-/healthy, /-/ready and /-/reload.
// It may serve before Run and while it runs.
func (e *Engine) Handler(opts HandlerOptions) http.Handler {
	p := e.pages
	mux := http.NewServeMux()
	p.api.register(mux)
	mux.HandleFunc("GET /{$}", p.alerts)
	mux.HandleFunc("GET /graph", p.expression)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "OK") })
	mux.HandleFunc("GET /-/ready", p.saysReady)
	mux.HandleFunc("POST /-/reload", p.reloads(opts.EnableLifecycle))
	mux.HandleFunc("PUT /-/reload", p.reloads(opts.EnableLifecycle))
	if opts.Gatherer != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(opts.Gatherer, promhttp.HandlerOpts{}))
	}
	return mux
}

// pages serves what people read.
type pages struct {
	api      *api
	logger   *slog.Logger
	template *template.Template
	ready    func() bool
	settled  func() bool      // whether all that fires is known
	begun    func() time.Time // when rules began; zero before
	reload   func() error
	// dataSince returns when the oldest sample was taken; false without any.
	dataSince func() (time.Time, bool)
	// inner returns what is wrong besides targets and rules.
	inner func() []trouble
}

//go:embed page.html
var pageText string

// parsePages reads the embedded templates, which tests have read too.
func parsePages() *template.Template {
	return template.Must(template.New("page").Parse(pageText))
}

func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") // a client that has gone needs no answer
}

func (p *pages) saysReady(w http.ResponseWriter, _ *http.Request) {
	if !p.ready() {
		say(w, http.StatusServiceUnavailable, "starting")
		return
	}
	say(w, http.StatusOK, "OK")
}

func (p *pages) reloads(enabled bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if !enabled {
			say(w, http.StatusForbidden, "reloading over HTTP is not enabled: start with --web.enable-lifecycle, or send SIGHUP")
			return
		}
		if err := p.reload(); err != nil {
			p.logger.Error("Reloading failed", "err", err)
			say(w, http.StatusInternalServerError, err.Error())
			return
		}
		say(w, http.StatusOK, "OK")
	}
}

// render sends a page. Nothing on it comes from elsewhere and no script runs,
// whatever a guest is named.
func (p *pages) render(w http.ResponseWriter, name string, data any) {
	var body bytes.Buffer
	if err := p.template.ExecuteTemplate(&body, name, data); err != nil {
		p.logger.Error("Writing a page failed", "page", name, "err", err)
		say(w, http.StatusInternalServerError, "the page could not be written")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	_, _ = body.WriteTo(w) // a client that has gone needs no answer
}
