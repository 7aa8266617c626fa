package bpf

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// peer is another program that measures waits for a CPU.
type peer struct {
	name  string
	args  [][]string // the ways in which it may be installed
	ready string     // what it says when it measures
}

// peers are what people run now. That of bpftrace is its own runqlat.bt, less an
// include that needs kernel headers, and with a word when it has begun.
var peers = []peer{
	{
		name: bccRunqlat, ready: "Tracing run queue latency",
		// The second is bcc's too, in C: it needs no kernel headers.
		args: [][]string{{"runqlat-bpfcc"}, {"/usr/share/bcc/tools/runqlat"}, {"runqlat"}},
	},
	{
		name: "bpftrace's runqlat", ready: "ready",
		args: [][]string{{"bpftrace", "-e", `
tracepoint:sched:sched_wakeup, tracepoint:sched:sched_wakeup_new { @qtime[args->pid] = nsecs; }
tracepoint:sched:sched_switch {
	if (args->prev_state == 0) { @qtime[args->prev_pid] = nsecs; }
	$ns = @qtime[args->next_pid];
	if ($ns) { @usecs = hist((nsecs - $ns) / 1000); }
	delete(@qtime[args->next_pid]);
}
interval:ms:300 { printf("ready\n"); }
END { clear(@qtime); }`}},
	},
}

const bccRunqlat = "bcc's runqlat"

// candidate returns what starts the peer in the first way that works here.
func (p peer) candidate(t *testing.T) (candidate, error) {
	t.Helper()
	reason := errors.New("not installed")
	for _, args := range p.args {
		if _, err := exec.LookPath(args[0]); err != nil {
			continue
		}
		stop, err := p.run(t, args)
		if err != nil {
			reason = fmt.Errorf("%s does not run here: %w", args[0], err)
			continue
		}
		stop()
		return candidate{name: p.name + " (" + args[0] + ")", of: p.name, start: func(t *testing.T) func() {
			stop, err := p.run(t, args)
			if err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			return stop
		}}, nil
	}
	return candidate{}, reason
}

// run starts the peer, with tracefs mounted for it alone, and returns when it
// measures.
func (p peer) run(t *testing.T, args []string) (stop func(), err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{
		"--mount", "sh", "-c",
		`mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec stdbuf -oL "$@"`, "sh",
	}, args...)...)
	cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1")
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		return nil, err
	}
	end := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })

	lines, last := bufio.NewScanner(out), ""
	for lines.Scan() {
		if strings.Contains(lines.Text(), p.ready) {
			drained := make(chan struct{})
			go func() {
				defer close(drained)
				io.Copy(io.Discard, out)
			}()
			time.Sleep(200 * time.Millisecond) // it has its own start behind it then
			return func() {
				cmd.Process.Signal(os.Interrupt)
				<-drained
				cmd.Wait() // how it ends is its own affair
				end.Stop()
				out.Close()
			}, nil
		}
		if text := strings.TrimSpace(lines.Text()); text != "" {
			last = text
		}
	}
	out.Close()
	end.Stop()
	return nil, fmt.Errorf("%w, %q", errors.Join(cmd.Wait(), lines.Err()), last)
}
