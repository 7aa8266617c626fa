package identity

import (
	"path"
	"strconv"
	"strings"
)

// enterHome makes the query one for the files of the user whose engine runs the
// container, by passwd(5), if the path names a user: from there on no others
// are read. Where the user is in no passwd file the home is "/nonexistent", so
// that the engine of root is not asked in place of theirs.
func (q *query) enterHome() {
	if !q.m.Foreign() {
		return
	}
	uid := strings.TrimPrefix(q.m.Scope, userScope)
	b, _ := q.read("/etc/passwd")
	if q.home = parseHome(string(b), uid); q.home == "" {
		q.home = "/nonexistent"
	}
	q.files.owner = &owner{dirs: []string{q.home, runtimeDir(q.m.Scope)}}
	if n, err := strconv.ParseUint(uid, 10, 32); err == nil { // else root's files alone
		q.files.owner.uid = uint32(n)
	}
}

// runtimeDir returns the directory that systemd makes for a user who is logged
// in or lingers.
func runtimeDir(scope string) string { return "/run/user/" + strings.TrimPrefix(scope, userScope) }

// parseHome returns the home directory of a user by passwd(5).
func parseHome(passwd, uid string) string {
	for line := range strings.Lines(passwd) {
		field := strings.Split(strings.TrimRight(line, "\r\n"), ":")
		if len(field) == 7 && field[2] == uid && path.IsAbs(field[5]) {
			return path.Clean(field[5])
		}
	}
	return ""
}
