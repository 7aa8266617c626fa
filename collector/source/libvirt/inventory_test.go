package libvirt

import (
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
)

func TestStatisticsAreLetGoOf(t *testing.T) {
	v := inventory{domains: make(map[uuid]*domain)}
	dom := golibvirt.Domain{Name: "a", ID: 1}
	v.meet([]golibvirt.Domain{dom}, time.Time{})
	known := v.note([]golibvirt.DomainStatsRecord{{Dom: dom, Params: typedParams("state.state=1", "cpu.time=1")}}, true, time.Time{})
	records := v.records(known)
	if len(records) != 1 || len(records[0].params) != 2 {
		t.Fatalf("records: %+v", records)
	}
	if known[0].stats != nil {
		t.Error("they are kept until the next round")
	}
}
