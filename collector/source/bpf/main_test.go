package bpf

import (
	"os"
	"testing"

	"github.com/virt-exporter/virt_exporter/fixtures/fusefs"
)

func TestMain(m *testing.M) {
	if fusefs.Asked() {
		os.Exit(fusefs.Main())
	}
	os.Exit(m.Run())
}
