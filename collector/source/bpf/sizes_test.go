package bpf

import "testing"

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
		cpus, slots int
		want        sharding
	}{
		{0, 512, sharding{waited: 1, pairs: 1, mask: 0}},
		{1, 512, sharding{waited: 1, pairs: 1, mask: 0}},
		{2, 512, sharding{waited: 2, pairs: 1, mask: 1}},
		{24, 512, sharding{waited: 24, pairs: 1, mask: 31}},
		{40, 512, sharding{waited: 40, pairs: 2, mask: 63}},
		{128, 512, sharding{waited: 32, pairs: 8, mask: 31, shared: true}},
		{128, 1280, sharding{waited: 16, pairs: 1, mask: 15, shared: true}},
		{1024, 2048, sharding{waited: 8, pairs: 1, mask: 7, shared: true}},
		{1024, 64, sharding{waited: 256, pairs: 64, mask: 255, shared: true}},
	} {
		got := shardsFor(tt.cpus, tt.slots)
		if got != tt.want {
			t.Errorf("%d CPUs, %d slots: %+v, want %+v", tt.cpus, tt.slots, got, tt.want)
		}
		for cpu := range tt.cpus {
			if cpu&got.mask >= got.waited {
				t.Errorf("%d CPUs, %d slots: CPU %d has no shard", tt.cpus, tt.slots, cpu)
			}
		}
		if n := got.waited * tt.slots * waitedWords * 8; n > mostWaited {
			t.Errorf("%d CPUs, %d slots: %d bytes", tt.cpus, tt.slots, n)
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
