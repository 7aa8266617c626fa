package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
)

// The JSON of rules and alerts.
type (
	ruleGroupList struct {
		Groups    []ruleGroup `json:"groups"`
		NextToken string      `json:"groupNextToken,omitempty"`
	}

	ruleGroup struct {
		Name           string    `json:"name"`
		File           string    `json:"file"`
		Rules          []any     `json:"rules"` // alertingRule and recordingRule, in their order
		Interval       float64   `json:"interval"`
		Limit          int       `json:"limit"`
		EvaluationTime float64   `json:"evaluationTime"`
		LastEvaluation time.Time `json:"lastEvaluation"`
	}

	alertingRule struct {
		State         string        `json:"state"`
		Name          string        `json:"name"`
		Query         string        `json:"query"`
		Duration      float64       `json:"duration"`
		KeepFiringFor float64       `json:"keepFiringFor"`
		Labels        labels.Labels `json:"labels"`
		Annotations   labels.Labels `json:"annotations"`
		Alerts        []alert       `json:"alerts"`
		ruleHealth
		Type string `json:"type"`
	}

	recordingRule struct {
		Name   string        `json:"name"`
		Query  string        `json:"query"`
		Labels labels.Labels `json:"labels"`
		ruleHealth
		Type string `json:"type"`
	}

	ruleHealth struct {
		Health         rules.RuleHealth `json:"health"`
		LastError      string           `json:"lastError,omitempty"`
		EvaluationTime float64          `json:"evaluationTime"`
		LastEvaluation time.Time        `json:"lastEvaluation"`
	}

	alertList struct {
		Alerts []alert `json:"alerts"`
	}

	alert struct {
		Labels          labels.Labels `json:"labels"`
		Annotations     labels.Labels `json:"annotations"`
		State           string        `json:"state"`
		ActiveAt        *time.Time    `json:"activeAt,omitempty"`
		KeepFiringSince *time.Time    `json:"keepFiringSince,omitempty"`
		Value           string        `json:"value"`
	}
)

// activeAlerts lists the alerts that are pending or firing.
func (a *api) activeAlerts(*http.Request) (answer, error) {
	list := alertList{Alerts: []alert{}}
	for _, rule := range a.rules.AlertingRules() {
		list.Alerts = append(list.Alerts, alertsOf(rule)...)
	}
	return answer{data: list}, nil
}

func alertsOf(rule *rules.AlertingRule) []alert {
	active := rule.ActiveAlerts()
	list := make([]alert, len(active))
	for i, al := range active {
		list[i] = alert{
			Labels:      al.Labels,
			Annotations: al.Annotations,
			State:       al.State.String(),
			ActiveAt:    &al.ActiveAt,
			Value:       strconv.FormatFloat(al.Value, 'e', -1, 64),
		}
		if !al.KeepFiringSince.IsZero() {
			list[i].KeepFiringSince = &al.KeepFiringSince
		}
	}
	return list
}

// ruleFilter is which rules a request wants to see. An empty list wants all.
type ruleFilter struct {
	names, groups, files []string
	matchers             [][]*labels.Matcher
	alerting, recording  bool
	noAlerts             bool
	most                 int    // groups at once; 0 is all
	from                 string // the token of the first group
}

// ruleGroups lists the groups with their rules.
func (a *api) ruleGroups(r *http.Request) (answer, error) {
	filter, err := a.ruleFilter(r)
	if err != nil {
		return answer{}, err
	}
	groups := a.rules.RuleGroups()
	if filter.from != "" {
		first := slices.IndexFunc(groups, func(g *rules.Group) bool { return groupToken(g) == filter.from })
		if first < 0 {
			return answer{}, badParam("group_next_token", fmt.Errorf("invalid group_next_token '%v'. were rule groups changed?", filter.from))
		}
		groups = groups[first:]
	}
	list := ruleGroupList{Groups: []ruleGroup{}}
	for _, g := range groups {
		group := filter.group(g)
		if len(group.Rules) == 0 {
			continue
		}
		if filter.most > 0 && len(list.Groups) == filter.most {
			list.NextToken = groupToken(g)
			break
		}
		list.Groups = append(list.Groups, group)
	}
	return answer{data: list}, nil
}

func (a *api) ruleFilter(r *http.Request) (ruleFilter, error) {
	if err := r.ParseForm(); err != nil {
		return ruleFilter{}, badData(fmt.Errorf("error parsing form values: %w", err))
	}
	f := ruleFilter{names: r.Form["rule_name[]"], groups: r.Form["rule_group[]"], files: r.Form["file[]"]}
	var err error
	if f.matchers, err = a.matchers(r.Form["match[]"]); err != nil {
		return f, badData(err)
	}
	kind := strings.ToLower(r.FormValue("type"))
	if !slices.Contains([]string{"", "alert", "record"}, kind) {
		return f, badParam("type", fmt.Errorf("not supported value %q", kind))
	}
	f.alerting, f.recording = kind != "record", kind != "alert"
	if text := r.FormValue("exclude_alerts"); text != "" {
		if f.noAlerts, err = strconv.ParseBool(strings.ToLower(text)); err != nil {
			return f, badParam("exclude_alerts", fmt.Errorf("error converting exclude_alerts: %w", err))
		}
	}
	f.from = r.FormValue("group_next_token")
	return f, f.setMost(r.FormValue("group_limit"))
}

func (f *ruleFilter) setMost(text string) error {
	if text == "" {
		if f.from != "" {
			return badParam("group_next_token", errors.New("group_limit needs to be present in order to paginate over the groups"))
		}
		return nil
	}
	most, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return badParam("group_limit", fmt.Errorf("group_limit needs to be a valid number: %w", err))
	}
	if most <= 0 {
		return badParam("group_limit", errors.New("group_limit needs to be greater than 0"))
	}
	f.most = int(most)
	return nil
}

// group returns what is wanted of a group: no rules if all of it is unwanted.
func (f *ruleFilter) group(g *rules.Group) ruleGroup {
	group := ruleGroup{
		Name:           g.Name(),
		File:           g.File(),
		Rules:          []any{},
		Interval:       g.Interval().Seconds(),
		Limit:          g.Limit(),
		EvaluationTime: g.GetEvaluationTime().Seconds(),
		LastEvaluation: g.GetLastEvaluation(),
	}
	if !wanted(f.groups, g.Name()) || !wanted(f.files, g.File()) {
		return group
	}
	for _, rule := range g.Rules(f.matchers...) {
		if !wanted(f.names, rule.Name()) {
			continue
		}
		switch rule := rule.(type) {
		case *rules.AlertingRule:
			if f.alerting {
				group.Rules = append(group.Rules, f.alertingRule(rule))
			}
		case *rules.RecordingRule:
			if f.recording {
				group.Rules = append(group.Rules, recordingRule{
					Name:       rule.Name(),
					Query:      rule.Query().String(),
					Labels:     rule.Labels(),
					ruleHealth: healthOf(rule),
					Type:       "recording",
				})
			}
		}
	}
	return group
}

func wanted(list []string, name string) bool {
	return len(list) == 0 || slices.Contains(list, name)
}

func (f *ruleFilter) alertingRule(rule *rules.AlertingRule) alertingRule {
	var alerts []alert
	if !f.noAlerts {
		alerts = alertsOf(rule)
	}
	return alertingRule{
		State:         rule.State().String(),
		Name:          rule.Name(),
		Query:         rule.Query().String(),
		Duration:      rule.HoldDuration().Seconds(),
		KeepFiringFor: rule.KeepFiringFor().Seconds(),
		Labels:        rule.Labels(),
		Annotations:   rule.Annotations(),
		Alerts:        alerts,
		ruleHealth:    healthOf(rule),
		Type:          "alerting",
	}
}

func healthOf(rule rules.Rule) ruleHealth {
	h := ruleHealth{
		Health:         rule.Health(),
		EvaluationTime: rule.GetEvaluationDuration().Seconds(),
		LastEvaluation: rule.GetEvaluationTimestamp(),
	}
	if err := rule.LastError(); err != nil {
		h.LastError = err.Error()
	}
	return h
}

// groupToken names a group to continue from.
func groupToken(g *rules.Group) string {
	sum := sha256.Sum256([]byte(g.File() + ";" + g.Name()))
	return hex.EncodeToString(sum[:])
}
