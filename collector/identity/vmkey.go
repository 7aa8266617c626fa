package identity

import (
	"encoding/hex"
	"strings"
)

// VMKey returns the key by which a guest and its host know the same machine:
// the smaller of its UUID and of that with the bytes of the first three fields
// swapped, in lower case. SMBIOS before 2.6 did not say in which order they
// stand, hence host and guest may print the one UUID in two ways. The key is
// empty for what is no UUID and for those that firmware gives to every machine.
func VMKey(uuid string) string {
	b, ok := parseUUID(uuid)
	if !ok || dummyUUID(b) {
		return ""
	}
	s := swapUUID(b)
	if dummyUUID(s) {
		return ""
	}
	return min(formatUUID(b), formatUUID(s))
}

// parseUUID reads 32 hex digits, with dashes in the usual places or none, in
// braces or not.
func parseUUID(s string) (b [16]byte, ok bool) {
	s = strings.TrimSpace(s)
	if inner, ok := cut(s, "{", "}"); ok {
		s = inner
	}
	if s = strings.ToLower(s); isUUID(s) {
		s = strings.ReplaceAll(s, "-", "")
	}
	if len(s) != 2*len(b) {
		return b, false
	}
	_, err := hex.Decode(b[:], []byte(s))
	return b, err == nil
}

func swapUUID(b [16]byte) [16]byte {
	b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	b[4], b[5] = b[5], b[4]
	b[6], b[7] = b[7], b[6]
	return b
}

func formatUUID(b [16]byte) string {
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// dummyUUID reports whether b is a value that many machines share: one byte all
// over (zeros and Fs among them), or one of those that makers of boards left in.
func dummyUUID(b [16]byte) bool {
	if strings.Count(string(b[:]), string(b[:1])) == len(b) {
		return true
	}
	switch formatUUID(b) {
	case "03000200-0400-0500-0006-000700080009",
		"00020003-0004-0005-0006-000700080009",
		"03020100-0504-0706-0809-0a0b0c0d0e0f",
		"00010203-0405-0607-0809-0a0b0c0d0e0f",
		"01020304-0506-0708-090a-0b0c0d0e0f10",
		"12345678-1234-5678-90ab-cddeefaabbcc",
		"12345678-1234-5678-9abc-def012345678",
		"12345678-1234-1234-1234-123456789abc",
		"01234567-89ab-cdef-0123-456789abcdef",
		"00112233-4455-6677-8899-aabbccddeeff",
		"4c4c4544-0000-2010-8020-80c04f202020", // Dell without a service tag
		"fefefefe-fefe-fefe-fefe-fefefefefefe",
		"deadbeef-dead-beef-dead-beefdeadbeef":
		return true
	}
	return false
}
