package bpf

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestSlotsBecomeMoreByWhatIsNeeded(t *testing.T) {
	for _, tt := range []struct{ slots, wanted, want int }{
		{64, 65, 256},
		{512, 513, 768},
		{512, 1006, 1280},
		{512, 100, 768}, // what rests is wanted too, and one turn later it may not be
		{1280, 1400, 1792},
		{1792, 1900, mostSlots},
		{512, 100_000, mostSlots},
	} {
		if got := moreSlots(tt.slots, tt.wanted); got != tt.want {
			t.Errorf("of %d slots, with %d wanted, it becomes %d, want %d", tt.slots, tt.wanted, got, tt.want)
		}
	}
}

func TestShardsFitTheirBounds(t *testing.T) {
	for _, tt := range []struct {
		cpus  cpuCount
		slots int
		want  sharding
	}{
		{cpuCount{1, 1}, 512, sharding{waited: 1, pairs: 1, mask: 0}},
		{cpuCount{2, 2}, 512, sharding{waited: 2, pairs: 1, mask: 1}},
		{cpuCount{4, 2}, 512, sharding{waited: 4, pairs: 1, mask: 3}},
		{cpuCount{24, 24}, 512, sharding{waited: 24, pairs: 1, mask: 31}},
		{cpuCount{40, 40}, 512, sharding{waited: 40, pairs: 2, mask: 63}},
		{cpuCount{128, 128}, 512, sharding{waited: 32, pairs: 8, mask: 31, shared: true}},
		{cpuCount{128, 128}, 1280, sharding{waited: 16, pairs: 1, mask: 15, shared: true}},
		{cpuCount{1024, 1024}, 2048, sharding{waited: 8, pairs: 1, mask: 7, shared: true}},
		{cpuCount{1024, 1024}, 64, sharding{waited: 256, pairs: 64, mask: 255, shared: true}},
		// A guest that may get more CPUs than it has.
		{cpuCount{128, 2}, 512, sharding{waited: 2, pairs: 1, mask: 1, shared: true}},
		{cpuCount{240, 6}, 512, sharding{waited: 8, pairs: 1, mask: 7, shared: true}},
		{cpuCount{128, 100}, 512, sharding{waited: 32, pairs: 4, mask: 31, shared: true}},
		// Nobody knows how many there may be.
		{cpuCount{0, 0}, 512, sharding{waited: 1, pairs: 1, mask: 0, shared: true}},
		{cpuCount{0, 12}, 512, sharding{waited: 16, pairs: 1, mask: 15, shared: true}},
	} {
		got := shardsFor(tt.cpus, tt.slots)
		if got != tt.want {
			t.Errorf("%+v, %d slots: %+v, want %+v", tt.cpus, tt.slots, got, tt.want)
		}
		alone := make(map[int]bool)
		for cpu := range max(tt.cpus.possible, 2048*int(b2u(got.shared))) {
			shard := cpu & got.mask
			if shard >= got.waited || alone[shard] && !got.shared {
				t.Errorf("%+v, %d slots: CPU %d has no shard of its own", tt.cpus, tt.slots, cpu)
			}
			alone[shard] = true
		}
		if n := got.waited * tt.slots * waitedWords * 8; n > mostWaited {
			t.Errorf("%+v, %d slots: %d bytes", tt.cpus, tt.slots, n)
		}
	}
}

func TestCPUsAreCountedByTheirNumbers(t *testing.T) {
	for _, tt := range []struct {
		possible, online string
		want             cpuCount
	}{
		{"0\n", "0\n", cpuCount{1, 1}},
		{"0-127\n", "0-1\n", cpuCount{128, 2}},
		{"0-3,8-11\n", "0-2,9\n", cpuCount{12, 10}}, // not all numbers are there
		{"0-63\n", "0,2,4,62\n", cpuCount{64, 63}},
		{"0-1\n", "0-3\n", cpuCount{2, 2}}, // cannot be
		{"all\n", "0-3\n", cpuCount{0, 4}},
		{"", "0-3\n", cpuCount{0, 4}},
		{"0-511\n", "", cpuCount{512, 512}},
		{"", "", cpuCount{0, runtime.NumCPU()}},
	} {
		dir := filepath.Join(t.TempDir(), "devices/system/cpu")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, list := range map[string]string{"possible": tt.possible, "online": tt.online} {
			if list == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(list), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := countCPUs(filepath.Join(dir, "../../..")); got != tt.want {
			t.Errorf("possible %q, online %q: %+v, want %+v", tt.possible, tt.online, got, tt.want)
		}
	}
}

func TestMapsOfWhatIsUnderWay(t *testing.T) {
	for _, tt := range []struct {
		least, cpus int
		want        uint32
	}{{8192, 2, 8192}, {8192, 32, 8192}, {8192, 128, 32768}, {1024, 2, 1024}, {1024, 8, 2048}, {8192, 4096, mostUnderWay}} {
		if got := underWay(tt.least, tt.cpus); got != tt.want {
			t.Errorf("%d CPUs: %d entries, want %d", tt.cpus, got, tt.want)
		}
	}
}
