package engine

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql"
)

// expressionView is what the page of an expression shows: its value now.
type expressionView struct {
	Host, Now, Expr, Error string
	Rows                   []expressionRow
	More                   int
}

type expressionRow struct {
	Series, Value string
}

// expression serves the page that the links in Prometheus' alerts lead to.
func (p *pages) expression(w http.ResponseWriter, r *http.Request) {
	now := p.api.now()
	v := expressionView{Host: p.api.status.hostname, Now: timeText(now), Expr: r.FormValue("g0.expr")}
	if strings.TrimSpace(v.Expr) != "" {
		if err := p.fillRows(r, &v, now); err != nil {
			v.Error = text(err.Error())
		}
	}
	p.render(w, "expression", v)
}

func (p *pages) fillRows(r *http.Request, v *expressionView, now time.Time) error {
	release, err := p.api.slot(r.Context())
	if err != nil {
		return err
	}
	defer release()
	query, err := p.api.query.NewInstantQuery(r.Context(), p.api.storage, nil, v.Expr, now)
	if err != nil {
		return err
	}
	defer query.Close()
	result := query.Exec(r.Context())
	if result.Err != nil {
		return result.Err
	}
	switch value := result.Value.(type) {
	case promql.Vector:
		v.More = max(0, len(value)-maxShown)
		for _, s := range value[:len(value)-v.More] {
			v.Rows = append(v.Rows, expressionRow{text(s.Metric.String()), sampleText(s)})
		}
	case promql.Matrix:
		v.More = max(0, len(value)-maxShown)
		for _, s := range value[:len(value)-v.More] {
			v.Rows = append(v.Rows, expressionRow{text(s.Metric.String()), fmt.Sprintf("%d samples", len(s.Floats)+len(s.Histograms))})
		}
	default:
		v.Rows = []expressionRow{{"", text(value.String())}}
	}
	return nil
}

func sampleText(s promql.Sample) string {
	if s.H != nil {
		return text(s.H.String())
	}
	return strconv.FormatFloat(s.F, 'g', -1, 64)
}
