// Package fsprobe measures what it costs to go through a passthrough: it times
// the same operation on a mount and on a reference beside it, in pairs, and says
// how much longer the mount takes and how sure that is.
//
// A mount may hang at any moment, for ever, and takes with it whoever touches it.
// So nothing in this process touches one. Mounts are found in mountinfo, and each
// is given to a helper process of its own (package probe), started from the
// exporter's own program, that lives from cycle to cycle. One that does not
// answer in time is killed; while the kernel keeps it, there is no second one,
// and its age and where it waits are what is shown of the mount.
//
// One goroutine decides whose turn it is. Cycles come one after the other, so that
// they do not measure each other, and Read gives what the last ones have shown.
package fsprobe
