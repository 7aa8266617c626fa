//go:build race

package probe

// raced says that the race detector is in the test program, which makes
// everything dearer.
const raced = true
