package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestSummary(t *testing.T) {
	tests := []struct {
		name, in, want string
		args           []string
		code           int
	}{
		{
			name: "tests that pass are counted and not shown",
			in: `{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"ok  \tp\n"}
{"Action":"pass","Package":"p","Elapsed":1.25}
`,
			want: "pass     1.2s  p\n\n1 passed, 0 failed, 0 skipped\n",
		},
		{
			name: "skipped tests are listed by reason, last",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: some log\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:4: needs root: it makes cgroups\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB/x","Output":"        b_test.go:4: needs root: it makes cgroups\n"}
{"Action":"skip","Package":"p","Test":"TestB/x"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"pass","Package":"p","Test":"TestD"}
{"Action":"pass","Package":"p"}
{"Action":"output","Package":"q","Output":"?   \tq\t[no test files]\n"}
{"Action":"skip","Package":"q"}
`,
			args: []string{"-note", "the race detector: no C compiler"},
			want: `pass     0.0s  p
none     0.0s  q

Skipped:
  the race detector: no C compiler
  needs root: it makes cgroups
    p TestA
    p TestB/x
  no reason given
    p TestC

1 passed, 0 failed, 3 skipped
`,
		},
		{
			name: "what took long is listed, the longest first, without its parts",
			in: `{"Action":"pass","Package":"p","Test":"TestA","Elapsed":12}
{"Action":"pass","Package":"p","Test":"TestB/x","Elapsed":70}
{"Action":"pass","Package":"p","Test":"TestB","Elapsed":70.5}
{"Action":"pass","Package":"p","Test":"TestC","Elapsed":3}
{"Action":"pass","Package":"p","Elapsed":90}
`,
			want: "pass    90.0s  p\n\nSlowest:\n    70.5s  p TestB\n    12.0s  p TestA\n\n4 passed, 0 failed, 0 skipped\n",
		},
		{
			name: "a failing test shows its output, its package adds nothing",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: got 1\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\n"}
{"Action":"fail","Package":"p"}
`,
			want: "    a_test.go:3: got 1\nfail     0.0s  p\n\nFailed:\n  p TestA\n\n0 passed, 1 failed, 0 skipped\n",
			code: 1,
		},
		{
			name: "a package that does not compile fails",
			in: `{"ImportPath":"p","Action":"build-output","Output":"p/a.go:1:1: undefined: x\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","Elapsed":0}
`,
			want: "p/a.go:1:1: undefined: x\nFAIL\tp [build failed]\nfail     0.0s  p\n\nFailed:\n  p\n\n0 passed, 1 failed, 0 skipped\n",
			code: 1,
		},
		{
			name: "a panic shows the test that was running",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: oh\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\n"}
{"Action":"fail","Package":"p"}
`,
			want: "FAIL\tp\npanic: oh\nfail     0.0s  p\n\nFailed:\n  p\n\n0 passed, 1 failed, 0 skipped\n",
			code: 1,
		},
		{
			name: "a package that never ends fails",
			in:   `{"Action":"output","Package":"p","Output":"begun\n"}` + "\n",
			want: "begun\n\nFailed:\n  p\n\n0 passed, 1 failed, 0 skipped\n",
			code: 1,
		},
		{
			name: "what is no event is passed on, and nothing run is no success",
			in:   "go: cannot find main module\n",
			want: "go: cannot find main module\n\n0 passed, 0 failed, 0 skipped\n",
			code: 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(tt.args, strings.NewReader(tt.in), &out, &errs); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if out.String() != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", out.String(), tt.want)
			}
			if errs.Len() != 0 {
				t.Errorf("stderr: %s", errs.String())
			}
		})
	}
}
