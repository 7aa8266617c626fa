package identity

import "testing"

func TestVMKey(t *testing.T) {
	const key = "44454c4c-5100-104e-8048-b6c04f4a3733"
	for _, tt := range []struct{ name, uuid, want string }{
		{"as SMBIOS 2.6 prints it", "4c4c4544-0051-4e10-8048-b6c04f4a3733", key},
		{"swapped", "44454c4c-5100-104e-8048-b6c04f4a3733", key},
		{"in capitals", "4C4C4544-0051-4E10-8048-B6C04F4A3733", key},
		{"with a newline, as sysfs gives it", "4c4c4544-0051-4e10-8048-b6c04f4a3733\n", key},
		{"without dashes", "4c4c454400514e108048b6c04f4a3733", key},
		{"in braces", "{4c4c4544-0051-4e10-8048-b6c04f4a3733}", key},
		{"empty", "", ""},
		{"malformed", "4c4c4544-0051-4e10-8048", ""},
		{"dashes elsewhere", "4c4c45440-051-4e10-8048-b6c04f4a3733", ""},
		{"no hex", "zc4c4544-0051-4e10-8048-b6c04f4a3733", ""},
		{"not set", "Not Settable", ""},
		{"all zeros", "00000000-0000-0000-0000-000000000000", ""},
		{"all Fs", "ffffffff-ffff-ffff-ffff-ffffffffffff", ""},
		{"left in by the maker", "03000200-0400-0500-0006-000700080009", ""},
		{"left in by the maker, swapped", "00020003-0004-0005-0006-000700080009", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := VMKey(tt.uuid); got != tt.want {
				t.Errorf("VMKey(%q) = %q, want %q", tt.uuid, got, tt.want)
			}
		})
	}
}

func TestUnescape(t *testing.T) {
	for escaped, want := range map[string]string{
		"":                   "",
		"plain-name":         "plain-name",
		`a\x2db`:             "a-b",
		`a\x2Db`:             "a-b",
		`\x2d\x2d`:           "--",
		`\xc3\xa9`:           "é",
		`a\x5cx2d`:           `a\x2d`, // once, not twice
		`a\x2`:               `a\x2`,
		`a\xzz`:              `a\xzz`,
		`a\x00b`:             `a\x00b`,
		`\`:                  `\`,
		`qemu\x2d1\x2da.b_c`: "qemu-1-a.b_c",
	} {
		if got := unescape(escaped); got != want {
			t.Errorf("unescape(%q) = %q, want %q", escaped, got, want)
		}
	}
}
