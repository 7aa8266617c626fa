package kernel

import (
	"fmt"
	"testing"
)

func parseLimits(b []byte) (l Limits, err error) { err = ParseLimits(b, &l); return l, err }

const limitsHead = "Limit                     Soft Limit           Hard Limit           Units     \n" +
	"Max cpu time              unlimited            unlimited            seconds   \n" +
	"Max processes             96365                96365                processes \n"

func TestParseLimits(t *testing.T) {
	const tail = "Max locked memory         8388608              8388608              bytes     \n"
	run(t, []parseCase[Limits]{
		{"real", limitsHead + "Max open files            20000                1048576              files     \n" + tail, Limits{OpenFiles: 20000}, nil},
		{"none", limitsHead + "Max open files            unlimited            unlimited            files     \n", Limits{OpenFilesUnlimited: true}, nil},
		{"zero", "Max open files            0                    0                    files     \n", Limits{}, nil},
		{"nothing after it matters", "Max open files            1                    1                    files     \ncut o", Limits{OpenFiles: 1}, nil},
		{"keys that begin alike", "Max open filesystems x\nMax open files            1                    1                    files     \n", Limits{OpenFiles: 1}, nil},
		{"empty", "", Limits{}, ErrEmpty},
		{"cut off", limitsHead + "Max open files            20000", Limits{}, ErrTruncated},
		{"cut off between lines", limitsHead, Limits{}, ErrTruncated},
		{"no hard limit", "Max open files            20000\n", Limits{}, ErrMalformed},
		{"no number", "Max open files            x                    1                    files     \n", Limits{}, ErrMalformed},
		{"negative", "Max open files            -1                   1                    files     \n", Limits{}, ErrMalformed},
	}, parseLimits)
}

func TestParseLimitsDoesNotAllocate(t *testing.T) {
	in := []byte(limitsHead + "Max open files            20000                1048576              files     \n")
	var l Limits
	noAllocs(t, "ParseLimits", func() { _ = ParseLimits(in, &l) })
}

func FuzzParseLimits(f *testing.F) {
	seed(f, nil, limitsHead+"Max open files            20000                1048576              files     \n", "Max open files unlimited 1\n", "Max open files 1\n")
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseLimits(b)
		checkError(t, b, err)
		dirty := Limits{OpenFiles: 7, OpenFilesUnlimited: true}
		if err2 := ParseLimits(b, &dirty); err == nil && got != dirty || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Errorf("%q gives %+v, %v; into a used struct %+v, %v", b, got, err, dirty, err2)
		}
		if err != nil {
			return
		}
		soft := fmt.Sprint(got.OpenFiles)
		if got.OpenFilesUnlimited {
			soft = "unlimited"
		}
		text := limitsHead + fmt.Sprintf("%-25s %-20s %-20s %-10s\n", "Max open files", soft, "unlimited", "files")
		if again, err := parseLimits([]byte(text)); err != nil || again != got {
			t.Errorf("%+v comes back as %+v, %v", got, again, err)
		}
	})
}
