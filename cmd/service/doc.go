// Package service is what the programs that serve HTTP have in common: their flags
// for listeners and the log, the logger, one line for an error, and an end that lets
// requests finish.
package service
