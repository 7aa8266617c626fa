package identity

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// facts reads a line of mountinfo from its fourth field on, without escapes.
func facts(line string) MountFacts {
	place, fs, _ := strings.Cut(line, " - ")
	p, f := strings.Fields(place), strings.SplitN(fs, " ", 3)
	return MountFacts{Root: p[0], Mountpoint: p[1], FSType: f[0], Source: f[1], SuperOptions: f[2]}
}

func TestPassthroughFromMount(t *testing.T) {
	for _, tc := range []struct {
		name, line string
		want       Passthrough
	}{
		{"virtiofs", "/ /mnt/v rw - virtiofs vfsshare rw", Passthrough{"virtiofs", "virtiofs", "vfsshare", "vfsshare", ""}},
		{"virtiofs without a tag", "/ / rw - virtiofs none rw", Passthrough{"virtiofs", "virtiofs", "none", "", ""}},
		{"virtiofs with DAX", "/ /v rw - virtiofs t rw,dax=always", Passthrough{"virtiofs", "virtiofs", "t", "t", "dax=always"}},
		{"virtiofs with DAX of old", "/ /v rw - virtiofs t rw,dax", Passthrough{"virtiofs", "virtiofs", "t", "t", "dax"}},
		{
			"9p of QEMU", "/ /mnt/p9 rw,sync - 9p p9share rw,access=client,msize=131072,trans=virtio",
			Passthrough{"9p", "9p", "p9share", "p9share", "access=client,msize=131072,trans=virtio"},
		},
		{
			"9p with its cache in a word", "/ /p rw - 9p t rw,loose,access=user,trans=virtio,version=9p2000.u",
			Passthrough{"9p", "9p", "t", "t", "cache=loose,access=user,trans=virtio,version=9p2000.u"},
		},
		{"9p with its cache in bits", "/ /p rw - 9p t rw,cache=0xf,access=user,trans=virtio", Passthrough{"9p", "9p", "t", "t", "cache=0xf,access=user,trans=virtio"}},
		{"9p over TCP", "/ /p rw - 9p 192.168.49.1 rw,access=any,trans=tcp,port=40000", Passthrough{"9p", "9p", "192.168.49.1", "", "access=any,trans=tcp"}},
		{
			"Lima's 9p", "/ /Users/me rw - 9p mount0 rw,sync,dirsync,access=client,msize=131072,trans=virtio",
			Passthrough{"lima", "9p", "mount0", "mount0", "access=client,msize=131072,trans=virtio"},
		},
		{"Lima's virtiofs", "/ /Users/me rw - virtiofs lima-0123456789abcdef rw", Passthrough{"lima", "virtiofs", "lima-0123456789abcdef", "lima-0123456789abcdef", ""}},
		{"Lima's SSH", "/ /Users/me rw - fuse.sshfs :/Users/me rw,user_id=501,allow_other", Passthrough{"lima", "fuse.sshfs", ":/Users/me", "", ""}},
		{
			"WSL's drive", `/ /mnt/c rw,noatime - 9p C:\ rw,aname=drvfs;path=C:\;uid=1000;gid=1000;symlinkroot=/mnt/,cache=5,access=client,msize=65536,trans=fd,rfd=6,wfd=6`,
			Passthrough{"wsl", "9p", `C:\`, "", "cache=5,access=client,msize=65536,trans=fd"},
		},
		{
			"WSL's drive of old", `/ /mnt/c rw - 9p drvfs rw,dirsync,aname=drvfs;path=C:\;symlinkroot=/my mnt/,mmap,access=client,msize=262144,trans=virtio`,
			Passthrough{"wsl", "9p", "drvfs", "drvfs", "cache=mmap,access=client,msize=262144,trans=virtio"},
		},
		{"WSL's other 9p", "/ /usr/lib/wsl/drivers ro - 9p none ro,aname=drivers;fmask=222;dmask=222,mmap,access=client,msize=65536,trans=fd", Passthrough{"wsl", "9p", "none", "", "cache=mmap,access=client,msize=65536,trans=fd"}},
		{"WSL's drvfs", "/ /mnt/d rw - drvfs D: rw,case=off", Passthrough{"wsl", "drvfs", "D:", "", ""}},
		{"WSL's virtiofs", "/ /mnt/c rw - virtiofs drvfsC0 rw", Passthrough{"wsl", "virtiofs", "drvfsC0", "drvfsC0", ""}},
		{"Docker Desktop", "/me /code rw - fakeowner /run/host_mark/Users rw,fakeowner", Passthrough{"docker-desktop", "fakeowner", "/run/host_mark/Users", "", ""}},
		{"Docker Desktop's virtiofs", "/ /host_mnt rw - virtiofs.virtiofs0 virtiofs0 rw", Passthrough{"docker-desktop", "virtiofs.virtiofs0", "virtiofs0", "virtiofs0", ""}},
		{"Docker Desktop's virtiofs by its tag", "/ /host_mnt rw - virtiofs virtiofs0 rw", Passthrough{"docker-desktop", "virtiofs", "virtiofs0", "virtiofs0", ""}},
		{"Docker Desktop's gRPC", "/host_mnt/x /x rw - fuse.grpcfuse grpcfuse rw,max_read=1048576", Passthrough{"docker-desktop", "fuse.grpcfuse", "grpcfuse", "", ""}},
		{"Docker Desktop's osxfs", "/Users /Users rw - fuse.osxfs osxfs rw", Passthrough{"docker-desktop", "fuse.osxfs", "osxfs", "", ""}},
		{"VirtualBox", "/ /vagrant rw - vboxsf vagrant rw,iocharset=utf8,cache=strict", Passthrough{"vboxsf", "vboxsf", "vagrant", "", "cache=strict"}},
		{"VMware", "/ /mnt/hgfs rw - fuse.vmhgfs-fuse vmhgfs-fuse rw,allow_other", Passthrough{"vmhgfs", "fuse.vmhgfs-fuse", "vmhgfs-fuse", "", ""}},
		{"VMware of old", "/ /mnt/hgfs rw - vmhgfs .host:/ rw,ttl=5", Passthrough{"vmhgfs", "vmhgfs", ".host:/", "", ""}},
		{"Parallels", "/ /media/psf/Home rw - prl_fs Home rw,sync,ttl=250,share", Passthrough{"prl_fs", "prl_fs", "Home", "", ""}},
		{"Parallels with FUSE", "/ /media/psf/Home rw - fuse.prl_fsd Home rw", Passthrough{"prl_fs", "fuse.prl_fsd", "Home", "", ""}},
		{"Kata", "/ /run/kata-containers/shared/containers rw - virtiofs kataShared rw", Passthrough{"kata", "virtiofs", "kataShared", "kataShared", ""}},
		{"Kata with 9p", "/ /run/kata rw - 9p kataShared rw,trans=virtio", Passthrough{"kata", "9p", "kataShared", "kataShared", "trans=virtio"}},
		{"Incus", "/ /mnt rw - virtiofs incus_data rw", Passthrough{"incus", "virtiofs", "incus_data", "incus_data", ""}},
		{"Incus with 9p", "/ /mnt rw - 9p incus_data rw,access=client,trans=virtio", Passthrough{"incus", "9p", "incus_data", "incus_data", "access=client,trans=virtio"}},
		{"LXD", "/ /mnt rw - virtiofs lxd_data rw", Passthrough{"incus", "virtiofs", "lxd_data", "lxd_data", ""}},
		{"NFS", "/ /net rw - nfs4 host:/srv rw,vers=4.2,addr=10.0.0.1", Passthrough{"nfs", "nfs4", "host:/srv", "", ""}},
		{"NFS of old", "/ /net rw - nfs host:/srv rw,vers=3", Passthrough{"nfs", "nfs", "host:/srv", "", ""}},
		{"overlay", "/ /merged rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/u,workdir=/w", Passthrough{"overlay", "overlay", "overlay", "", ""}},
		{"rootless overlay", "/ / rw - fuse.fuse-overlayfs fuse-overlayfs rw", Passthrough{"overlay", "fuse.fuse-overlayfs", "fuse-overlayfs", "", ""}},
		{"FUSE", "/ /s rw - fuse.sshfs me@host:/srv rw,max_read=65536", Passthrough{"fuse", "fuse.sshfs", "me@host:/srv", "", ""}},
		{"FUSE without a subtype", "/ /s rw - fuse bindfs rw", Passthrough{"fuse", "fuse", "bindfs", "", ""}},
		{
			"a Kubernetes volume on its node", "/ /var/lib/kubelet/pods/" + uid + "/volumes/kubernetes.io~csi/pvc-1/mount rw - ext4 /dev/rbd0 rw",
			Passthrough{"kubernetes", "ext4", "/dev/rbd0", "", ""},
		},
		{
			"a Kubernetes volume of another server", "/ /k/kubelet/pods/" + uid + "/volumes/kubernetes.io~csi/pvc-1/mount rw - ceph 10.0.0.1:/v rw",
			Passthrough{"kubernetes", "ceph", "10.0.0.1:/v", "", ""},
		},
		{
			"a Kubernetes volume over NFS", "/ /var/lib/kubelet/pods/" + uid + "/volumes/kubernetes.io~nfs/v rw - nfs4 s:/v rw",
			Passthrough{"nfs", "nfs4", "s:/v", "", ""},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := PassthroughFromMount(facts(tc.line))
			if diff := cmp.Diff(tc.want, got); diff != "" || !ok {
				t.Errorf("ok = %v; passthrough differs (-want +got):\n%s", ok, diff)
			}
			if got := AnyMount(facts(tc.line)); got != tc.want {
				t.Errorf("when named: %+v", got)
			}
		})
	}
}

func TestOrdinaryMountsPassNothingThrough(t *testing.T) {
	for _, tc := range []struct{ line, named string }{
		{"/ / rw - ext4 /dev/vda rw", "ext4"},
		{"/ /tmp rw - tmpfs tmpfs rw", "tmpfs"},
		{"/ /proc rw - proc proc rw", "proc"},
		{"/srv /data rw - ext4 /dev/vda rw", "bind"},
		{"net:[4026531992] /run/netns/a rw - nsfs nsfs rw", "nsfs"},
		{"/ /m rw - cifs //srv/x rw,cache=strict", "cifs"},
		{"/ /m rw - smb3 //srv/x rw", "smb3"},
		{"/ /m rw - ceph 10.0.0.1:/ rw", "ceph"},
		{"/ /misc rw - autofs systemd-1 rw,fd=29", "autofs"},
		{"/ /sys/fs/fuse/connections rw - fusectl fusectl rw", "fusectl"},
		{"/ /c rw - fuseblk /dev/sda1 rw,user_id=0", "fuseblk"},
		{"/ /var/lib/lxcfs rw - fuse.lxcfs lxcfs rw", "fuse.lxcfs"},
		{"/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw", "fuse.lxcfs"},
		{"/meminfo /proc/meminfo rw - fuse libvirt rw", "fuse"},
		{"/ /run/user/1000/gvfs rw - fuse.gvfsd-fuse gvfsd-fuse rw", "fuse.gvfsd-fuse"},
		{"/ /run/user/1000/doc rw - fuse.portal portal rw", "fuse.portal"},
		{"/ /snap/core/1 ro - fuse.snapfuse snapfuse ro", "fuse.snapfuse"},
		{"/ /i ro - fuse.squashfuse squashfuse ro", "fuse.squashfuse"},
		{"/ /tmp/.mount_x ro - fuse.x-1.0.AppImage x-1.0.AppImage ro", "fuse.x-1.0.AppImage"},
		{"/ /var/lib/kubelet/pods/" + uid + "/volumes/kubernetes.io~projected/kube-api-access rw - tmpfs tmpfs rw", "kubernetes"},
		{"/d/volumes/x /var/lib/kubelet/pods/" + uid + "/volumes/kubernetes.io~local-volume/x rw - ext4 /dev/vda rw", "kubernetes"},
		{"/ /var/lib/kubelet/pods/" + uid + "/etc-hosts rw - ext4 /dev/vda rw", "ext4"},
	} {
		got, ok := PassthroughFromMount(facts(tc.line))
		if ok || got != (Passthrough{}) {
			t.Errorf("%s: got %+v", tc.line, got)
		}
		if got := AnyMount(facts(tc.line)); got.Kind != tc.named {
			t.Errorf("%s: named, its kind is %q, want %q", tc.line, got.Kind, tc.named)
		}
	}
	if got, ok := PassthroughFromMount(facts("/x /dev/termination-log rw - virtiofs kataShared rw")); ok {
		t.Errorf("below /dev: got %+v", got)
	}
}

func TestBindFromMount(t *testing.T) {
	volume := "/var/lib/kubelet/pods/" + uid + "/volumes/"
	for _, tc := range []struct{ line, want string }{
		{"/srv/data /data rw - ext4 /dev/vda rw", "bind"},
		{"/@/srv /data rw - btrfs /dev/vda rw", "bind"},
		{"/var/lib/docker/volumes/v/_data /data rw - xfs /dev/vda rw", "bind"},
		{volume + "kubernetes.io~empty-dir/scratch /data rw - ext4 /dev/vda rw", "kubernetes"},
		{"/pods/" + uid + "/volumes/kubernetes.io~csi/pvc/mount/pods/a /data rw - ext4 /dev/vda rw", "kubernetes"},
		{"/var/lib/kubelet/pods/" + uid + "/volume-subpaths/pvc/app/0 /data rw - ext4 /dev/vda rw", "kubernetes"},
		{volume + "kubernetes.io~configmap/c /etc/app rw - ext4 /dev/vda rw", ""},
		{volume + "kubernetes.io~secret/c /etc/app rw - ext4 /dev/vda rw", ""},
		{"/ /data rw - ext4 /dev/vdb rw", ""},
		{"/var/lib/lxc/c/rootfs / rw - ext4 /dev/vda rw", ""},
		{"/a /data rw - tmpfs tmpfs rw", ""},
		{"/a//deleted /data rw - ext4 /dev/vda rw", ""},
		{"/d/containers/x/hosts /etc/hosts rw - ext4 /dev/vda rw", ""},
		{"/d/containers/x/hostname /etc/hostname rw - ext4 /dev/vda rw", ""},
		{"/d/containers/x/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw", ""},
		{"/t /dev/termination-log rw - ext4 /dev/vda rw", ""},
		{"/t /run/secrets/kubernetes.io/serviceaccount rw - ext4 /dev/vda rw", ""},
		{"/t /run/secrets2 rw - ext4 /dev/vda rw", "bind"},
	} {
		got, ok := BindFromMount(facts(tc.line))
		if got.Kind != tc.want || ok != (tc.want != "") {
			t.Errorf("%s: got %+v, %v; want %q", tc.line, got, ok, tc.want)
		}
	}
}

func TestIsContainerRoot(t *testing.T) {
	for _, tc := range []struct {
		line string
		want bool
	}{
		{"/ / rw - overlay overlay rw", true},
		{"/ / rw - fuse.fuse-overlayfs fuse-overlayfs rw", true},
		{"/ /var/lib/docker/overlay2/" + idA + "/merged rw - overlay overlay rw", true},
		{"/ /data/docker/overlay2/" + idA + "/merged rw - overlay overlay rw", true},
		{"/ /var/lib/docker/rootfs/overlayfs/" + idA + " rw - overlay overlay rw", true},
		{"/ /data/docker/rootfs/overlayfs/" + idA + " rw - overlay overlay rw", true},
		{"/ /run/containerd/io.containerd.runtime.v2.task/default/a/rootfs rw - overlay overlay rw", true},
		{"/ /run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/a/rootfs rw - overlay overlay rw", true},
		{"/ /var/lib/containers/storage/overlay/" + idA + "/merged rw - overlay overlay rw", true},
		{"/ /home/u/.local/share/containers/storage/overlay/" + idA + "/merged rw - fuse.fuse-overlayfs fuse-overlayfs rw", true},
		{"/ /var/lib/lxc/c/rootfs rw - overlay overlay rw", true},
		{"/ /var/lib/containerd-stargz-grpc/snapshotter/snapshots/3/fs ro - fuse.rawBridge stargz ro", true},
		{"/ /srv/merged rw - overlay overlay rw", false},
		{"/ /srv/overlay rw - overlay overlay rw", false},
		{"/ /usr/lib/wsl/lib rw - overlay none rw", false},
		{"/ /var/lib/docker/volumes/v/_data rw - overlay overlay rw", false},
		{"/ / rw - fuse.sshfs h:/ rw", false},
		{"/ / rw - ext4 /dev/vda rw", false},
		{"/ /run/kata-containers/shared/containers rw - virtiofs kataShared rw", false},
	} {
		if got := IsContainerRoot(facts(tc.line)); got != tc.want {
			t.Errorf("%s: got %v", tc.line, got)
		}
	}
}

func TestFileSystemsAreLocalOrInMemory(t *testing.T) {
	for _, tc := range []struct {
		fstype        string
		local, memory bool
	}{
		{"ext4", true, false},
		{"zfs", true, false},
		{"tmpfs", false, true},
		{"rootfs", false, true},
		{"overlay", false, false},
		{"nfs4", false, false},
		{"", false, false},
	} {
		if IsLocal(tc.fstype) != tc.local || IsMemory(tc.fstype) != tc.memory {
			t.Errorf("%q: local %v, memory %v", tc.fstype, IsLocal(tc.fstype), IsMemory(tc.fstype))
		}
	}
}

func TestMountOptionsAreBounded(t *testing.T) {
	hostile := "rw,cache=" + strings.Repeat("a", maxOption+1) + ",cache=\xff,cache=b,msize=,trans,dax=,dax,version=1,version=2,access=x\\054msize=1,mmap"
	if got := mountOptions(MountFacts{FSType: "9p", SuperOptions: hostile}); got != "cache=\uFFFD,dax,version=1,access=x\\054msize=1" {
		t.Errorf("got %q", got)
	}
}

func FuzzPassthroughFromMount(f *testing.F) {
	for _, line := range []string{
		"/ /mnt/c rw - 9p C:\\ rw,aname=drvfs;path=C:\\,mmap,trans=virtio", "/a /data rw - ext4 /dev/vda rw", "/ /v rw - virtiofs mount rw,dax",
		"/pods/ /pods/" + uid + "/volumes/~/a rw - xfs x rw", "/ /overlay2/merged rw - overlay x rw", "/ / rw - fuse.\xff : cache=\xff",
		"/ / rw - autofs x " + strings.Repeat("cache=", 40),
	} {
		m := facts(line)
		f.Add(m.FSType, m.Source, m.Root, m.Mountpoint, m.SuperOptions)
	}
	f.Fuzz(func(t *testing.T, fstype, source, root, mountpoint, options string) {
		m := MountFacts{FSType: fstype, Source: source, Root: root, Mountpoint: mountpoint, SuperOptions: options}
		p, ok := PassthroughFromMount(m)
		if ok != (p.Kind != "") || !ok && p != (Passthrough{}) {
			t.Errorf("ok = %v for %+v", ok, p)
		}
		bind, isBind := BindFromMount(m)
		if isBind && bind.Kind != kindBind && bind.Kind != kindKubernetes {
			t.Errorf("%+v is no bind mount", bind)
		}
		named := AnyMount(m)
		for _, p := range []Passthrough{p, bind, named} {
			if bad := badValues([]string{p.Kind, p.FSType, p.Source, p.Tag, p.Options}); bad != "" {
				t.Error(bad)
			}
			if strings.Count(p.Options, "=") > 0 && len(p.Options) > 6*3*(maxOption+len("version=,")) {
				t.Errorf("options of %d bytes", len(p.Options))
			}
		}
		if ok && fstype == "autofs" {
			t.Error("autofs passes nothing through")
		}
		IsContainerRoot(m)
	})
}
