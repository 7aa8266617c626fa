package engine

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// People's queries wait for each other, and end when nobody wants them any more.
func TestQueriesWaitForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close(t)
		handler := http.NewServeMux()
		w.pages.api.register(handler)
		handler.HandleFunc("GET /graph", w.pages.expression)
		ask := func(ctx context.Context, path string) *httptest.ResponseRecorder {
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
			return rec
		}
		for range maxQueries {
			w.pages.api.slots <- struct{}{}
		}
		paths := []string{"/api/v1/query?query=1", "/api/v1/query_range?query=1&start=0&end=1&step=1", "/graph?g0.expr=1"}
		gone, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, path := range paths {
			if rec := ask(gone, path); !strings.Contains(rec.Body.String(), "deadline exceeded") {
				t.Errorf("%s of a client that has gone: %d: %s", path, rec.Code, rec.Body)
			}
			if rec := ask(t.Context(), path); !strings.Contains(rec.Body.String(), "too many queries at one time") {
				t.Errorf("%s that waited long: %d: %s", path, rec.Code, rec.Body)
			}
		}
		if rec := ask(t.Context(), "/api/v1/labels"); rec.Code != http.StatusOK {
			t.Errorf("labels wait: %d", rec.Code)
		}
		begun := time.Now()
		time.AfterFunc(time.Second, func() { <-w.pages.api.slots })
		if rec := ask(t.Context(), paths[0]); rec.Code != http.StatusOK || time.Since(begun) != time.Second {
			t.Errorf("%d after %s", rec.Code, time.Since(begun))
		}
	})
}

func TestSlotsAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close(t)
		handler := http.NewServeMux()
		w.pages.api.register(handler)
		handler.HandleFunc("GET /graph", w.pages.expression)
		for _, path := range []string{
			"/api/v1/query?query=1", "/api/v1/query?query=sum(", "/api/v1/query?query=1&timeout=0",
			"/api/v1/query_range?query=1&start=0&end=1&step=1", "/graph?g0.expr=1", "/graph?g0.expr=sum(",
		} {
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			if n := len(w.pages.api.slots); n != 0 {
				t.Errorf("%s keeps %d slots", path, n)
			}
		}
	})
}
