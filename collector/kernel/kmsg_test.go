package kernel

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseKmsgOOM(t *testing.T) {
	const head = "6,419,1879389623,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0,2-3"
	const tail = ",task=tail,pid=14236,uid=1000\n"
	kill := func(outer, inner string) *OOMKill {
		return &OOMKill{TaskMemcg: inner, OOMMemcg: outer, BootUsec: 1879389623, Task: "tail", PID: 14236, UID: 1000}
	}
	for _, tc := range []struct {
		name, in string
		want     *OOMKill // nil: no such record
	}{
		{"limit of the container", head + ",oom_memcg=/docker/ab,task_memcg=/docker/ab" + tail, kill("/docker/ab", "/docker/ab")},
		{"limit above it", head + ",oom_memcg=/kubepods,task_memcg=/kubepods/pod1/ab" + tail, kill("/kubepods", "/kubepods/pod1/ab")},
		{"root's limit", head + ",oom_memcg=/,task_memcg=/a" + tail, kill("/", "/a")},
		{"machine without memory", head + ",global_oom,task_memcg=/docker/ab" + tail, kill("", "/docker/ab")},
		{"with a caller in the head", strings.Replace(head, ",-;", ",-,caller=T12;", 1) + ",global_oom,task_memcg=/a" + tail, kill("", "/a")},
		{"with fields of a device", head + ",global_oom,task_memcg=/a" + tail + " SUBSYSTEM=x\n", kill("", "/a")},
		{
			"systemd's escapes", head + `,global_oom,task_memcg=/machine.slice/machine-qemu\x5cx2d1.scope` + tail,
			kill("", `/machine.slice/machine-qemu\x2d1.scope`),
		},
		{"bytes that the log escapes", head + `,global_oom,task_memcg=/a\x0ab\xc3\xa4` + tail, kill("", "/a\nbä")},
		{"path with a comma", head + ",oom_memcg=/a,b,task_memcg=/a,b/c,d" + tail, kill("/a,b", "/a,b/c,d")},
		{
			"path that looks like a key", head + ",oom_memcg=/a,task_memcg=/b,task_memcg=/a,task_memcg=/b/c" + tail,
			kill("/a,task_memcg=/b", "/a,task_memcg=/b/c"),
		},
		{"cpuset that looks like a key", strings.Replace(head, "cpuset=x", "cpuset=,global_oom,task_memcg=", 1) + ",oom_memcg=/a,task_memcg=/a" + tail, kill("/a", "/a")},
		{"path or name, who knows", string(fixture(t, "kmsg.oom-ambiguous")), nil},
		{"process outside of the limit", head + ",oom_memcg=/a,task_memcg=/ab" + tail, nil},
		{"cut off", head + ",oom_memcg=/a,task_memcg=/a,task=tail,pid=1", nil},
		{"no path", head + tail, nil},
		{"most urgent", strings.Replace(head, "6,", "0,", 1) + ",global_oom,task_memcg=/a" + tail, kill("", "/a")},
		{"of a program", strings.Replace(head, "6,", "14,", 1) + ",global_oom,task_memcg=/a" + tail, nil},
		{"of a program, urgent", strings.Replace(head, "6,", "8,", 1) + ",global_oom,task_memcg=/a" + tail, nil},
		{"of a priority that is none", strings.Replace(head, "6,", "x,", 1) + ",global_oom,task_memcg=/a" + tail, nil},
		{"of no priority", strings.Replace(head, "6,", ",", 1) + ",global_oom,task_memcg=/a" + tail, nil},
		{"other message", "6,1,2,-;usb 1-1: oom-kill: no\n", nil},
		{"no head", "oom-kill:constraint=x", nil},
		{"empty", "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := ParseKmsgOOM([]byte(tc.in))
			if ok != (tc.want != nil) {
				t.Fatalf("ok is %t, got %+v", ok, got)
			}
			if tc.want != nil {
				if diff := cmp.Diff(*tc.want, got); diff != "" {
					t.Errorf("result differs (-want +got):\n%s", diff)
				}
			}
		})
	}
}
