// Package engine evaluates alert rules with Prometheus' own engine: it scrapes
// exporters, keeps what rules and dashboards need in a Prometheus TSDB for a short
// while, and tells Alertmanager. It is the only importer of prometheus/prometheus.
package engine
