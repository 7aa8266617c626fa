// Package probe touches a mount, in a process of its own: every system call in
// it may never return. The exporter starts that process from its own program,
// one for each mount, asks it for one cycle after the other on its standard
// input and hears on its standard output, line by line, what it is about to do
// and what it has done. The process ends when its input does, also amid a cycle,
// and then removes what it has made on the mount.
package probe
