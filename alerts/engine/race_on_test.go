//go:build race

package engine

// raceDetector says that all takes ten times as long.
const raceDetector = true
