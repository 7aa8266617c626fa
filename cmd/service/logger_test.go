package service

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"
)

func TestLogfmtLine(t *testing.T) {
	var b bytes.Buffer
	NewLogger(&b, "info", "logfmt").With("source", "cgroup").Info("Reading failed", "err", "no such file")
	want := regexp.MustCompile(`^level=info caller=logger_test\.go:\d+ time=\S+ msg="Reading failed" source=cgroup err="no such file"\n$`)
	if !want.Match(b.Bytes()) {
		t.Errorf("got %s", b.String())
	}
}

func TestJSONLine(t *testing.T) {
	var b bytes.Buffer
	NewLogger(&b, "info", "json").Warn("Reading failed", "source", "node")
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, b.String())
	}
	for key, want := range map[string]string{"level": "warn", "msg": "Reading failed", "source": "node"} {
		if got[key] != want {
			t.Errorf("%s is %v, want %s", key, got[key], want)
		}
	}
}

func TestLevelHoldsBackWhatIsBelowIt(t *testing.T) {
	for level, want := range map[string]string{"debug": "diwe", "info": "iwe", "warn": "we", "error": "e"} {
		var b bytes.Buffer
		logger := NewLogger(&b, level, "logfmt")
		logger.Debug("d")
		logger.Info("i")
		logger.Warn("w")
		logger.Error("e")
		var got string
		for _, m := range regexp.MustCompile(`msg=(\w)`).FindAllStringSubmatch(b.String(), -1) {
			got += m[1]
		}
		if got != want {
			t.Errorf("level %s logs %q, want %q", level, got, want)
		}
	}
}
