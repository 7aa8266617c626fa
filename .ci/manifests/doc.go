// Package manifests has the tests of deploy/kubernetes: that its files are what
// Kubernetes, the Prometheus operator and Prometheus take them for, and that its pod
// works when a real containerd runs it.
package manifests
