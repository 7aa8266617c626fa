// Package model is what the exporter knows of a host and its guests, in base
// units (seconds, bytes) and merged by identity. Sources fill it and the
// collector maps it to metrics; it imports nothing of this project.
package model
