package engine

import (
	"cmp"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/scrape"
)

// The JSON of targets and of Alertmanagers.
type (
	targetsData struct {
		Active        []activeTarget  `json:"activeTargets"`
		Dropped       []droppedTarget `json:"droppedTargets"`
		DroppedCounts map[string]int  `json:"droppedTargetCounts"`
	}

	activeTarget struct {
		DiscoveredLabels   labels.Labels       `json:"discoveredLabels"`
		Labels             labels.Labels       `json:"labels"`
		ScrapePool         string              `json:"scrapePool"`
		ScrapeURL          string              `json:"scrapeUrl"`
		GlobalURL          string              `json:"globalUrl"`
		LastError          string              `json:"lastError"`
		LastScrape         time.Time           `json:"lastScrape"`
		LastScrapeDuration float64             `json:"lastScrapeDuration"`
		Health             scrape.TargetHealth `json:"health"`
		ScrapeInterval     string              `json:"scrapeInterval"`
		ScrapeTimeout      string              `json:"scrapeTimeout"`
	}

	droppedTarget struct {
		DiscoveredLabels labels.Labels `json:"discoveredLabels"`
		ScrapePool       string        `json:"scrapePool"`
	}

	alertmanagersData struct {
		Active  []alertmanagerURL `json:"activeAlertmanagers"`
		Dropped []alertmanagerURL `json:"droppedAlertmanagers"`
	}

	alertmanagerURL struct {
		URL string `json:"url"`
	}
)

// targetList lists what is scraped, and what relabeling has left out.
func (a *api) targetList(r *http.Request) (answer, error) {
	state := strings.ToLower(r.FormValue("state"))
	all := state == "" || state == "any"
	pool := r.FormValue("scrapePool")
	data := targetsData{Active: []activeTarget{}, Dropped: []droppedTarget{}}
	b := labels.NewBuilder(labels.EmptyLabels())
	if all || state == "active" {
		eachTarget(a.targets.TargetsActive(), pool, func(name string, t *scrape.Target) {
			data.Active = append(data.Active, activeTarget{
				DiscoveredLabels:   t.DiscoveredLabels(b),
				Labels:             t.Labels(b),
				ScrapePool:         name,
				ScrapeURL:          t.URL().String(),
				GlobalURL:          a.globalURL(t.URL()),
				LastError:          errorText(t.LastError()),
				LastScrape:         t.LastScrape(),
				LastScrapeDuration: t.LastScrapeDuration().Seconds(),
				Health:             t.Health(),
				ScrapeInterval:     t.GetValue(model.ScrapeIntervalLabel),
				ScrapeTimeout:      t.GetValue(model.ScrapeTimeoutLabel),
			})
		})
	}
	if all || state == "dropped" {
		data.DroppedCounts = a.targets.TargetsDroppedCounts()
		eachTarget(a.targets.TargetsDropped(), pool, func(name string, t *scrape.Target) {
			data.Dropped = append(data.Dropped, droppedTarget{t.DiscoveredLabels(b), name})
		})
	}
	return answer{data: data}, nil
}

// eachTarget calls f for the targets of one pool, or of all in their order.
func eachTarget(pools map[string][]*scrape.Target, pool string, f func(string, *scrape.Target)) {
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		if pool != "" && pool != name {
			continue
		}
		for _, t := range pools[name] {
			f(name, t)
		}
	}
}

// globalURL is where other machines find a target: a loopback address means
// nothing to them.
func (a *api) globalURL(u *url.URL) string {
	host := u.Hostname()
	ip := net.ParseIP(host)
	if a.status.hostname == "" || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return u.String()
	}
	global := *u
	global.Host = a.status.hostname
	if port := u.Port(); port != "" {
		global.Host = net.JoinHostPort(a.status.hostname, port)
	}
	return global.String()
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// alertmanagerList lists where alerts are sent.
func (a *api) alertmanagerList(*http.Request) (answer, error) {
	return answer{data: alertmanagersData{
		Active:  alertmanagerURLs(a.alertmanagers.Alertmanagers()),
		Dropped: alertmanagerURLs(a.alertmanagers.DroppedAlertmanagers()),
	}}, nil
}

func alertmanagerURLs(urls []*url.URL) []alertmanagerURL {
	list := make([]alertmanagerURL, len(urls))
	for i, u := range urls {
		list[i].URL = u.Redacted()
	}
	return list
}

// metadata lists type, help and unit of the families that targets expose.
func (a *api) metadata(r *http.Request) (answer, error) {
	limit, err := numberParam(r, "limit")
	if err != nil {
		return answer{}, err
	}
	each, err := numberParam(r, "limit_per_metric")
	if err != nil {
		return answer{}, err
	}
	metric := r.FormValue("metric")
	families := map[string][]metadata.Metadata{}
	add := func(md scrape.MetricMetadata) {
		m := metadata.Metadata{Type: md.Type, Help: md.Help, Unit: md.Unit}
		known := families[md.MetricFamily]
		if slices.Contains(known, m) || each > 0 && len(known) >= each {
			return
		}
		families[md.MetricFamily] = append(known, m)
	}
	eachTarget(a.targets.TargetsActive(), "", func(_ string, t *scrape.Target) {
		if metric == "" {
			for _, md := range t.ListMetadata() {
				add(md)
			}
		} else if md, ok := t.GetMetadata(metric); ok {
			add(md)
		}
	})
	if limit >= 0 && len(families) > limit {
		for _, name := range slices.Sorted(maps.Keys(families))[limit:] {
			delete(families, name)
		}
	}
	for _, variants := range families {
		slices.SortFunc(variants, func(a, b metadata.Metadata) int {
			return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Help, b.Help), cmp.Compare(a.Unit, b.Unit))
		})
	}
	return answer{data: families}, nil
}

// numberParam reads a limit of the metadata; -1 is none.
func numberParam(r *http.Request, name string) (int, error) {
	text := r.FormValue(name)
	if text == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, badData(errors.New(name + " must be a number"))
	}
	return n, nil
}
