package identity

import (
	"path"
	"strings"
)

// home returns the home directory of the user whose engine runs the container,
// by passwd(5). ok is false where the path names no user; where the user is in
// no passwd file the directory is "/nonexistent", so that the engine of root is
// not asked in place of theirs.
func (q *query) home() (dir string, ok bool) {
	uid, ok := strings.CutPrefix(q.m.Scope, "user@")
	if !ok {
		return "", false
	}
	b, _ := q.read("/etc/passwd")
	if dir := parseHome(string(b), uid); dir != "" {
		return dir, true
	}
	return "/nonexistent", true
}

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
