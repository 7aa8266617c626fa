package main

import (
	"os"
	"runtime/debug"
)

// tuneMemory lets the heap grow by half instead of doubling between two
// collections: most of it is the head of the database, which stays.
func tuneMemory() {
	const percent = 50
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
