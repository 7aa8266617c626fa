package identity

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	hexLen  = 64 // of a container's id
	uuidLen = 36
	maxText = 1024 // bytes of a name: files inside a guest are written by strangers

	maxLabels = 128     // of one guest
	maxLabel  = 4 << 10 // bytes of a label's value
)

// hexID reports whether s is an id as Docker, Podman and CRI make them.
func hexID(s string) bool { return len(s) == hexLen && lowerHex(s) }

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s != ""
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// isUUID reports whether s is a UUID in lower case with dashes.
func isUUID(s string) bool {
	if len(s) != uuidLen {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !lowerHex(s[i:i+1]) {
			return false
		}
	}
	return true
}

// buildkitID reports whether s has the shape of the ids that BuildKit gives to
// the steps of a build: 25 small letters and digits.
func buildkitID(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return len(s) == 25
}

// cut returns what stands between prefix and suffix, if it is not empty.
func cut(s, prefix, suffix string) (string, bool) {
	if len(s) <= len(prefix)+len(suffix) || !strings.HasPrefix(s, prefix) || !strings.HasSuffix(s, suffix) {
		return "", false
	}
	return s[len(prefix) : len(s)-len(suffix)], true
}

// podUID returns the UID of the Kubernetes pod whose directory is called name:
// podUID with cgroupfs, [kubelet-]kubepods[-QOS]-podUID.slice with systemd, which
// needs the dashes of the UID written as underscores. The UID of a static pod is
// 32 hex digits without dashes.
func podUID(name string) string {
	uid, ok := strings.CutPrefix(name, "pod")
	if !ok {
		base, isSlice := strings.CutSuffix(name, ".slice")
		i := strings.LastIndex(base, "-pod")
		if !isSlice || i < 0 {
			return ""
		}
		uid = strings.ReplaceAll(base[i+len("-pod"):], "_", "-")
	}
	if isUUID(uid) || len(uid) == 32 && lowerHex(uid) {
		return uid
	}
	return ""
}

// text makes a label's value of a name with any bytes.
func text(s string) string { return valid(clip(s, maxText)) }

// valid puts U+FFFD in the place of bytes that are no UTF-8: the names of
// directories may hold any.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// clip returns the first n bytes of s, fewer where these would split a
// character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := n; i > 0 && i > n-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i]
		}
	}
	return s[:n] // no UTF-8 to begin with
}

// labels makes labels of what an engine's file holds: the first 128 in the order
// of their keys, each with the first 4 KiB of its value. A key that is longer
// than a name is left out, since cut off it would be another.
func labels(all map[string]string) map[string]string {
	if len(all) == 0 {
		return nil
	}
	keys := slices.Sorted(maps.Keys(all))
	kept := make(map[string]string, min(len(keys), maxLabels))
	for _, key := range keys {
		if len(key) > maxText {
			continue
		}
		if kept[valid(key)] = valid(clip(all[key], maxLabel)); len(kept) == maxLabels {
			break
		}
	}
	return kept
}

// shortLen is how many characters of an id are commonly shown.
const shortLen = 12

// ShortID returns the first 12 characters of an id, of whatever form it is. It
// never splits a character, and is valid UTF-8.
func ShortID(id string) string {
	n := 0
	for i := range id {
		if n == shortLen {
			return valid(id[:i])
		}
		n++
	}
	return valid(id)
}

// short shortens ids of engines alone: others are names.
func short(id string) string {
	if lowerHex(id) {
		return ShortID(id)
	}
	return id
}
