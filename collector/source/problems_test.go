package source_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/virt-exporter/virt_exporter/collector/source"
)

func TestProblemsAreBounded(t *testing.T) {
	var p source.Problems
	if err := p.Err(); err != nil {
		t.Errorf("none, and yet %v", err)
	}
	one := errors.New("one")
	for range 100 {
		p.Add(one)
	}
	err := p.Err()
	if !errors.Is(err, one) || !strings.Contains(err.Error(), "and 95 errors more") || strings.Count(err.Error(), "\n") != 5 {
		t.Errorf("it says %v", err)
	}
	p.Reset()
	if err := p.Err(); err != nil {
		t.Errorf("after all were forgotten: %v", err)
	}
}
