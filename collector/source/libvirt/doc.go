// Package libvirt reads the domains of libvirt daemons: libvirtd, or the modular
// daemons, of this host or of others.
//
// The daemon is the part of a host that hangs. Its bulk call asks every QEMU in
// turn and waits for each without a limit, its client library has no deadlines
// either, and each call that hangs keeps one of the daemon's twenty workers. So:
//
//   - A daemon is read by one round at a time, in the background (daemon.go).
//     Read waits for the round as long as its context allows and no longer. A
//     late round goes on, and a later Read has what it brought, and an error if
//     that is old by then.
//   - A request that is not answered in time is held: its connection is kept, to
//     know when the answer comes, and nothing else is sent over it. Others go on
//     over a new connection with NOWAIT, by which the daemon passes over those
//     that somebody waits for already. So a stuck domain costs one request and
//     its own figures, however often there is a scrape, and three of them leave
//     all others fresh. With four held requests nobody's monitor is asked any
//     more. Of all kinds together at most eight are left in a daemon, for good if
//     need be; hold.go has the limits.
//   - An answer that is lost on its way is not waited for forever: what a later
//     reply of QEMU's driver shows to be free is given up, and where nothing can
//     be asked at all there is another attempt after ten minutes, and one after
//     an hour more. With other drivers an answer about one domain that is lost
//     keeps its place among the limits until the daemon ends.
//   - Whatever comes from a daemon is checked before the client library sees it
//     (guard.go, shape.go): it allocates and panics as it is told to.
//
// A round lists the domains, makes one bulk call for those that are active, and
// asks for a bounded time for the domains' XML, which says what does not change
// often (inventory.go). Drivers that have no bulk call are asked domain by
// domain (singly.go). The round brings what libvirt said; Read makes guests of
// it (guests.go), so that nothing is written that a caller still reads.
package libvirt
