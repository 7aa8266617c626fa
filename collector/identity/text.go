package identity

import "strings"

const (
	hexLen  = 64 // of a container's id
	uuidLen = 36
	maxText = 1024 // bytes of a name: files inside a guest are written by strangers
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
func text(s string) string {
	s = s[:min(len(s), maxText)]
	return strings.ToValidUTF8(s, "\uFFFD")
}

// short returns the 12 characters of an id by which it is commonly shown.
func short(id string) string {
	if len(id) > 12 && lowerHex(id) {
		return id[:12]
	}
	return id
}
