package probe

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	good := func() Request {
		r := request("/mnt", "/var", "/dev/shm")
		r.Root, r.ReadFile, r.WriteDir = "/proc/1/root", "/mnt/data", "/mnt/dir"
		return r
	}
	tests := map[string]struct {
		change func(*Request)
		want   string
	}{
		"good":                  {func(*Request) {}, ""},
		"the root itself":       {func(r *Request) { r.Path = "/" }, ""},
		"tier 0, no reference":  {func(r *Request) { r.References, r.ReadFile, r.WriteDir, r.Root = nil, "", "", "" }, ""},
		"no path":               {func(r *Request) { r.Path = "" }, "path"},
		"relative path":         {func(r *Request) { r.Path = "mnt" }, "not absolute"},
		"dots":                  {func(r *Request) { r.Path = "/mnt/../etc" }, "dots"},
		"trailing slash":        {func(r *Request) { r.Path = "/mnt/" }, "slashes"},
		"NUL":                   {func(r *Request) { r.Path = "/mnt\x00" }, "NUL"},
		"long path":             {func(r *Request) { r.Path = "/" + strings.Repeat("a", 4095) }, "long"},
		"relative root":         {func(r *Request) { r.Root = "root" }, "root"},
		"relative file":         {func(r *Request) { r.ReadFile = "data" }, "read file"},
		"relative directory":    {func(r *Request) { r.WriteDir = "dir" }, "write directory"},
		"relative reference":    {func(r *Request) { r.References[1].Dir = "x" }, `reference "tmpfs"`},
		"too many references":   {func(r *Request) { r.References = make([]Reference, 9) }, "references"},
		"no pairs":              {func(r *Request) { r.Pairs = 0 }, "pairs"},
		"too many pairs":        {func(r *Request) { r.Pairs = 1001 }, "pairs"},
		"negative warm-up":      {func(r *Request) { r.Warmup = -1 }, "warmup"},
		"too many warm-ups":     {func(r *Request) { r.Warmup = 101 }, "warmup"},
		"negative gap":          {func(r *Request) { r.Gap = -1 }, "gap"},
		"gap that is too large": {func(r *Request) { r.Gap = 2 * time.Second }, "gap"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := good()
			tt.change(&r)
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decodeRequest(append(b, '\n'))
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(&r, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestServeEndsWithItsInput(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"nothing":            {"", ""},
		"no JSON":            {"hello\n", "decode a request"},
		"half a line":        {"{", "read a request"},
		"too long a line":    {strings.Repeat(" ", maxRequest) + "\n", "read a request"},
		"an empty line":      {"\n", "decode a request"},
		"an unlawful number": {`{"Path":"/","Pairs":-1}` + "\n", "request: pairs"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			err := Serve(strings.NewReader(tt.in), &out)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error with %q", err, tt.want)
			case out.Len() > 0:
				t.Errorf("answered %s", out.Bytes())
			}
		})
	}
}

func FuzzDecodeRequest(f *testing.F) {
	good, err := json.Marshal(request("/mnt", "/var"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"Root":"/proc/1/root","Path":"/","ReadFile":"/a","WriteDir":"/b","MountID":18446744073709551615,"Pairs":1}`))
	f.Add([]byte(`{"Path":"/\u0000","Pairs":1e2}`))
	f.Add([]byte(`{"Path":"/a/..","References":[{},{}],"Gap":-1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := decodeRequest(line)
		if err != nil {
			return
		}
		for _, p := range []string{r.Path, r.Root, r.ReadFile, r.WriteDir} {
			if p != "" && (p[0] != '/' || strings.Contains(p, "\x00") || strings.Contains(p+"/", "/../") || len(p) > maxPath) {
				t.Errorf("%q", p)
			}
		}
		if r.Path == "" || r.Pairs < 1 || r.Pairs > maxPairs || r.Gap < 0 || r.Gap > maxGap || r.Warmup < 0 || len(r.References) > maxReferences {
			t.Errorf("%+v", r)
		}
	})
}
