package collector

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

func TestAFailingSourceIsLoggedOnceAMinuteAndWhenItRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		failing := true
		s := &script{name: "a", read: func(_ context.Context, n int64) (model.Reading, error) {
			if failing {
				return guests("web"), fmt.Errorf("%d guests were not reached", n)
			}
			return guests("web"), nil
		}}
		h := collectFrom(t, &log, opens(s)).Handler(HandlerOpts{})
		steps := []struct {
			name    string
			failing bool
			scrapes int
			log     []string // what each line must hold
		}{
			{"whole", false, 4, nil},
			{"a minute of failures", true, 4, []string{"level=WARN msg=\"reading was not whole\" source=a err=\"5 guests"}},
			{"the next minute", true, 1, []string{"err=\"9 guests"}},
			{"it recovers", false, 1, []string{"level=INFO msg=\"reading is whole again\" source=a"}},
			{"it fails again soon", true, 1, nil},
			{"it recovers from what nobody was told", false, 1, nil},
			{"it fails after a minute", true, 2, []string{"err=\"13 guests"}},
			{"it recovers again", false, 3, []string{"whole again"}},
		}
		for _, step := range steps {
			failing = step.failing
			log.Reset()
			for range step.scrapes {
				scrape(h)
				time.Sleep(15 * time.Second)
			}
			lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
			if log.Len() == 0 {
				lines = nil
			}
			if len(lines) != len(step.log) {
				t.Errorf("%s: %d lines, want %d:\n%s", step.name, len(lines), len(step.log), log.String())
				continue
			}
			for i, want := range step.log {
				if !strings.Contains(lines[i], want) {
					t.Errorf("%s: %q is wanted in\n%s", step.name, want, lines[i])
				}
			}
		}
	})
}
