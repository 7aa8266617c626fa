package dashboards

// gridColumns is the width of every dashboard.
const gridColumns = 24

// place gives each panel its place, row below row, and the height of all of them in
// units of the grid.
func place(rows []Row) (panels []grafanaPanel, height int) {
	y := 0
	for _, row := range rows {
		if row.Title != "" {
			panels = append(panels, heading(row, y))
			y++
		}
		x := 0
		placed := make([]grafanaPanel, 0, len(row.Panels))
		for i := range row.Panels {
			p := &row.Panels[i]
			g := p.grafana()
			g.GridPos = gridPos{H: row.Height, W: p.Width, X: x, Y: y}
			x += p.Width
			placed = append(placed, g)
		}
		if row.Folded { // those of a folded row lie in its heading
			panels[len(panels)-1].Panels = &placed
			continue
		}
		panels = append(panels, placed...)
		y += row.Height
	}
	number(panels, 0)
	return panels, y
}

// heading is the line that folds a row.
func heading(row Row, y int) grafanaPanel {
	return grafanaPanel{
		Type: "row", Title: row.Title, Collapsed: &row.Folded, Panels: &[]grafanaPanel{},
		GridPos: gridPos{H: 1, W: gridColumns, X: 0, Y: y},
	}
}

// number gives panels their ids, which links and annotations use, and returns the last.
func number(panels []grafanaPanel, last int) int {
	for i := range panels {
		last++
		panels[i].ID = last
		if panels[i].Panels != nil {
			last = number(*panels[i].Panels, last)
		}
	}
	return last
}
