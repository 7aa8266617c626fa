// Package collector turns what the sources read into metrics.
//
// The data goes one way. A source (packages below source/) lists guests or
// looks at the machine, reads the kernel's files through package kernel, names
// what it found through package identity, and returns a model.Reading in base
// units. The collector reads all sources side by side under the deadline of
// the scrape (sources.go, visit.go, opening.go, reader.go), puts the readings together (merge.go;
// kin.go and precedence.go for virtual machines, which several sources know)
// and maps them to metric families (schema*.go). The map is a table: one row
// for a family with its name, its help text, its labels and the function that
// takes its value out of the model, side by side. METRICS.md is printed from
// the same table.
//
// What programs in the kernel measured of a guest takes the place of what was read of
// it (measured.go), without a counter that jumps (splice.go).
//
// Against the stream goes one thing: who is there is known when all is merged, and told
// to the sources that listen. Those that probe want the containers, and the directories
// that are given to machines (mounts.go); programs in the kernel have to be told who
// everybody is (inhabitants.go).
//
// When readings have been put together, package blame finds out who kept whom waiting.
// For that, and for nothing else, sources of kernel files are read between scrapes too
// (watch.go): what is exposed a scrape always reads itself.
//
// The structures of the exposition are kept from scrape to scrape and only
// their values change (expose.go): building tens of thousands of metrics anew
// would cost more than reading them. That is why there is no
// prometheus.Collector here but a TransactionalGatherer, held from Gather
// until the exposition is encoded.
//
// To add a metric: a field in package model, the parser that fills it, a row in
// schema*.go, and a line in the golden files of fixtures/hosts. To add a
// source: a package that passes source/sourcetest, and a line in sources.go.
package collector
