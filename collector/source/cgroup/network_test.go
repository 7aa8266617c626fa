package cgroup

import (
	"strings"
	"testing"
	"time"
)

const netHeader = "Inter-|   Receive                                                |  Transmit\n" +
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"

func TestNetworkIsReadInTheGuestsOwnNamespace(t *testing.T) {
	f, _, path := one(t)
	f.write("proc/1/net/dev", netHeader+"  eth0: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n")
	f.write("proc/100/net/dev", netHeader+"    lo: 7 7 0 0 0 0 0 0 7 7 0 0 0 0 0 0\n  eth0: 100 3 0 1 0 0 0 0 200 4 0 2 0 0 0 0\n")
	s := f.open()
	g := f.read(s)["web"]
	if len(g.Network) != 1 || g.Network[0].Name != "eth0" {
		t.Fatalf("network is %+v", g.Network)
	}
	want(t, "received", g.Network[0].Receive.Bytes, 100)
	want(t, "sent", g.Network[0].Transmit.Packets, 4)
	want(t, "dropped", g.Network[0].Transmit.Drops, 2)

	t.Run("through another process when the first has exited", func(t *testing.T) {
		f.threads(path, 101)
		f.remove("proc/100")
		f.thread(101, 1, 1, f.now)
		f.write("proc/101/net/dev", netHeader+"  eth0: 300 3 0 1 0 0 0 0 200 4 0 2 0 0 0 0\n")
		f.read(s)
		f.read(s)
		want(t, "received", f.read(s)["web"].Network[0].Receive.Bytes, 300)
	})
}

func TestAGuestOnTheHostsNetworkHasNone(t *testing.T) {
	f, _, _ := one(t)
	f.write("proc/1/net/dev", netHeader+"  eth0: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n")
	f.mkdir("proc/100/net")
	if err := hardlink(f.path("proc/1/net/dev"), f.path("proc/100/net/dev")); err != nil {
		t.Skipf("needs hard links: %v", err)
	}
	if g := f.read(f.open())["web"]; len(g.Network) != 0 {
		t.Errorf("network is %+v", g.Network)
	}
}

func TestIODelayIsSummedWhereTheKernelAccountsIt(t *testing.T) {
	f, s, path := one(t)
	wantAbsent(t, "delay", f.read(s)["web"].IODelay)
	f.write("proc/sys/kernel/task_delayacct", "1\n")
	blocked := func(tid, ticks int) {
		fields := strings.Fields(stat(tid, uint64(time.Minute/tick)))
		line := strings.Replace(strings.Join(fields, " "), "(a (b) c)", "(a)", 1)
		fields = strings.Fields(line)
		fields[41] = itoa(ticks)
		f.write("proc/"+itoa(tid)+"/stat", strings.Join(fields, " ")+"\n")
	}
	blocked(100, 500)
	s = f.open()
	want(t, "delay at the exporter's start", f.read(s)["web"].IODelay, 0)
	blocked(100, 650)
	want(t, "delay", f.read(s)["web"].IODelay, 1.5)
	f.threads(path)
	f.remove("proc/100")
	want(t, "delay after the exit", f.read(s)["web"].IODelay, 1.5)
}
