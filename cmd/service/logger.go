package service

import (
	"io"
	"log/slog"

	"github.com/go-kit/log"
	sloggokit "github.com/tjhop/slog-gokit"
)

// NewLogger returns a slog logger with go-kit/log as its sink. The sink adds
// level, caller, time and msg to each line.
//
// The level and format are those that the flags allow; others count as info
// and logfmt.
func NewLogger(w io.Writer, level, format string) *slog.Logger {
	var least slog.LevelVar // info
	_ = least.UnmarshalText([]byte(level))

	w = log.NewSyncWriter(w)
	sink := log.NewLogfmtLogger(w)
	if format == "json" {
		sink = log.NewJSONLogger(w)
	}
	return slog.New(sloggokit.NewGoKitHandler(sink, &least))
}
