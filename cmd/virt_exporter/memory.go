package main

import (
	"os"
	"runtime/debug"
)

// tuneMemory lets the heap grow by a third instead of doubling between two
// collections: what a scrape needs is kept from one to the next, so that
// there is little to collect and the room would only be resident for nothing.
func tuneMemory() {
	const percent = 33
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
