package engine

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Whoever asks while rules begin sees none, or such as have the past.
func TestPlayedStateIsAdoptedUnseen(t *testing.T) {
	c := testConfig(t)
	c.RuleFiles = []string{rulesFile(t, playedRules)}
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	to := time.Now()
	from := to.Add(-20 * time.Minute)
	var targets []Played
	for i := range 100 {
		targets = append(targets, busyFor(fmt.Sprintf("t%d:1", i), from, to))
	}
	if err := e.Play(t.Context(), targets, from, to, time.Minute, time.Minute); err != nil {
		t.Fatal(err)
	}
	h := e.Handler(HandlerOptions{})
	done := make(chan struct{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				path := []string{"/api/v1/rules", "/api/v1/alerts", "/"}[i%3]
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
				if rec.Code != http.StatusOK {
					t.Errorf("%s: %d", path, rec.Code)
				}
				_ = e.Well(time.Now())
			}
		})
	}
	stop := run(t, e)
	eventually(t, "it runs", e.Ready)
	n := 0
	for _, rule := range e.rules.AlertingRules() {
		n += len(rule.ActiveAlerts())
	}
	if n < len(targets) {
		t.Errorf("%d alerts are active, want at least %d", n, len(targets))
	}
	close(done)
	asking.Wait()
	stop()
}

// The time that a past took to be played is nothing that rules have missed.
func TestRulesAreNotLateAfterPlay(t *testing.T) {
	c := testConfig(t)
	c.EvaluationInterval = 15 * time.Second
	c.RuleFiles = []string{rulesFile(t, playedRules)}
	e, err := New(c, quiet(), nil)
	if err != nil {
		t.Fatal(err)
	}
	e.pages.api.status.started = time.Now().Add(-time.Hour)
	run(t, e)
	eventually(t, "it runs", e.Ready)
	for _, trouble := range e.pages.troubles(time.Now()) {
		if strings.HasPrefix(trouble.What, "Rules are late") {
			t.Error(trouble)
		}
	}
	late := 0
	for _, trouble := range e.pages.troubles(time.Now().Add(time.Hour)) {
		if strings.HasPrefix(trouble.What, "Rules are late") {
			late++
		}
	}
	if late == 0 {
		t.Error("an hour later no rules are late")
	}
}
