package engine

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
)

const (
	refreshSeconds = 20
	maxShown       = 200  // alerts of each state on the page
	maxTextLength  = 2000 // bytes of a value or an annotation
	// watchdogName is the alert that fires all the time, so that its end says that
	// nothing watches any more. Nobody needs to see it among the others.
	watchdogName = "VirtWatchdog"
	runbookURL   = "https://github.com/virt-exporter/virt_exporter/blob/main/alerts/RUNBOOK.md"
)

// alertsView is what the page of alerts shows.
type alertsView struct {
	Host, Now       string
	Refresh         int
	Starting        bool
	Firing, Pending shown
	Troubles        []trouble
	Data            string // since when there is any
	Summary         string // of rules and targets
	NoAlertmanager  bool
	Runbook         string
}

// shown are the alerts of one state, at most maxShown.
type shown struct {
	Alerts []alertView
	Total  int
}

// More is how many there are besides those shown.
func (s shown) More() int { return s.Total - len(s.Alerts) }

// alertView is an alert as it is shown.
type alertView struct {
	Severity, Name, Guest, Culprit, Instance string
	Since, For                               string // the time, and how long that is
	State                                    string // what is to come of it, if it is not simply firing
	Summary, Description, Runbook            string
	Labels                                   []labels.Label // the others
	rank                                     int
	since                                    time.Time
}

// Class is a style of the page.
func (v alertView) Class() string {
	if v.rank < len(severities()) {
		return v.Severity
	}
	return "other"
}

func severities() []string { return []string{"critical", "warning", "info"} }

// alerts serves the page of what fires now.
func (p *pages) alerts(w http.ResponseWriter, _ *http.Request) {
	p.render(w, "alerts", p.alertsView())
}

func (p *pages) alertsView() alertsView {
	now := p.api.now()
	v := alertsView{
		Host:           p.api.status.hostname,
		Now:            timeText(now),
		Refresh:        refreshSeconds,
		Starting:       !p.ready() || !p.settled(),
		Troubles:       p.troubles(now),
		Summary:        p.summary(),
		NoAlertmanager: len(p.api.alertmanagers.Alertmanagers()) == 0,
		Runbook:        runbookURL,
	}
	if since, ok := p.dataSince(); ok {
		v.Data = fmt.Sprintf("%s (%s)", timeText(since), ago(now, since))
	}
	var firing, pending []alertView
	for _, rule := range p.api.rules.AlertingRules() {
		if rule.Name() == watchdogName {
			continue
		}
		for _, al := range rule.ActiveAlerts() {
			switch al.State {
			case rules.StateFiring:
				firing = append(firing, viewOf(rule, al, now))
			case rules.StatePending:
				pending = append(pending, viewOf(rule, al, now))
			}
		}
	}
	v.Firing, v.Pending = show(firing), show(pending)
	return v
}

// show puts the most severe first, and of those the newest: what has fired for
// days has been seen.
func show(list []alertView) shown {
	slices.SortStableFunc(list, func(a, b alertView) int {
		return cmp.Or(
			cmp.Compare(a.rank, b.rank),
			b.since.Compare(a.since),
			cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Guest, b.Guest),
		)
	})
	return shown{list[:min(len(list), maxShown)], len(list)}
}

func viewOf(rule *rules.AlertingRule, al *rules.Alert, now time.Time) alertView {
	v := alertView{
		Severity:    text(al.Labels.Get("severity")),
		Name:        text(rule.Name()),
		Guest:       text(al.Labels.Get("guest")),
		Culprit:     text(al.Labels.Get("culprit")),
		Instance:    text(al.Labels.Get("instance")),
		Since:       timeText(al.ActiveAt),
		For:         ago(now, al.ActiveAt),
		Summary:     text(al.Annotations.Get("summary")),
		Description: text(al.Annotations.Get("description")),
		since:       al.ActiveAt,
	}
	if url := al.Annotations.Get("runbook_url"); strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://") {
		v.Runbook = url
	}
	if v.rank = slices.Index(severities(), v.Severity); v.rank < 0 {
		v.rank = len(severities())
	}
	switch {
	case al.State == rules.StatePending:
		v.State = "fires in " + durationText(al.ActiveAt.Add(rule.HoldDuration()).Sub(now)) + " if it lasts"
	case !al.KeepFiringSince.IsZero():
		v.State = "calm for " + ago(now, al.KeepFiringSince)
	}
	al.Labels.Range(func(l labels.Label) {
		switch l.Name {
		case model.AlertNameLabel, "severity", "guest", "culprit", "instance":
		default:
			v.Labels = append(v.Labels, labels.Label{Name: text(l.Name), Value: text(l.Value)})
		}
	})
	return v
}

// text makes what came from outside fit for the page; the template escapes it.
func text(s string) string {
	if len(s) > maxTextLength {
		s = s[:maxTextLength] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func timeText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func ago(now, then time.Time) string { return durationText(now.Sub(then)) }

// durationText is short: nobody reads seconds of what has lasted hours.
func durationText(d time.Duration) string {
	d = max(d, 0)
	days, hours, minutes := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm", minutes)
	}
	return fmt.Sprintf("%ds", int(d/time.Second))
}
