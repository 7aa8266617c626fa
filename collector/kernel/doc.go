// Package kernel reads the files that the kernel keeps of cgroups and threads
// and turns them into plain structs in the kernel's own units.
//
// A parser gets the bytes of one whole file and fills what the caller passes
// in, so that the caller can use it again: parsers run some ten thousand times
// in a scrape and allocate nothing. A key that is not known is skipped, for
// kernels grow new ones. A known key with a malformed value is an error, and so
// is a file that is empty or cut off where the kernel never leaves it so: a
// number that was not read must not be taken for a zero. After an error the
// result is unspecified.
package kernel
