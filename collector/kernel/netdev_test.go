package kernel

import "testing"

func parseNetDev(b []byte) ([]NetDev, error) { return ParseNetDev(b, nil) }

const netDevHead = "Inter-|   Receive  |  Transmit\n face |bytes packets\n"

func TestParseNetDev(t *testing.T) {
	run(t, []parseCase[[]NetDev]{
		{
			"columns", netDevHead + "  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
			[]NetDev{{Name: []byte("eth0"), RxBytes: 1, RxPackets: 2, RxDrops: 4, TxBytes: 9, TxPackets: 10, TxDrops: 12}},
			nil,
		},
		{
			"no blank after the name", netDevHead + "a|b:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
			[]NetDev{{Name: []byte("a|b"), RxBytes: 1, RxPackets: 2, RxDrops: 4, TxBytes: 9, TxPackets: 10, TxDrops: 12}},
			nil,
		},
		{"no interfaces", netDevHead, nil, nil},
		{"empty", "", nil, ErrEmpty},
		{"cut off", netDevHead + "  eth0: 1 2", nil, ErrTruncated},
		{"too few columns", netDevHead + "  eth0: 1 2\n", nil, ErrMalformed},
		{"no name", netDevHead + " : 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", nil, ErrMalformed},
		{"no heading", "  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", nil, ErrMalformed},
	}, parseNetDev)
}

func TestParseNetDevOfAMachine(t *testing.T) {
	got, err := parseNetDev(fixture(t, "net.dev"))
	if err != nil || len(got) != 4 {
		t.Fatalf("got %v, %v", got, err)
	}
	if d := got[3]; string(d.Name) != "eth0" || d.RxBytes == 0 || d.TxPackets == 0 {
		t.Errorf("got %+v", d)
	}
}

func TestParseVMStatOOMKill(t *testing.T) {
	type result struct {
		Kills uint64
		OK    bool
	}
	run(t, []parseCase[result]{
		{"real", string(fixture(t, "vmstat")), result{0, true}, nil},
		{"kills", "pgfault 7\noom_kill 3\n", result{3, true}, nil},
		{"before 4.13", "pgfault 7\n", result{}, nil},
		{"empty", "", result{}, ErrEmpty},
		{"cut off", "pgfault 7\noom_kill 3", result{}, ErrTruncated},
		{"malformed", "oom_kill\n", result{}, ErrMalformed},
	}, func(b []byte) (r result, err error) {
		r.Kills, r.OK, err = ParseVMStatOOMKill(b)
		return r, err
	})
}
