package libvirt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
	"github.com/virt-exporter/virt_exporter/collector/source"
)

// modularDaemon returns the name of the daemon that serves one driver alone, as
// its sockets have it, or nothing.
func modularDaemon(driver string) string {
	switch driver {
	case "qemu":
		return "virtqemud"
	case "xen":
		return "virtxend"
	case "lxc":
		return "virtlxcd"
	case "vbox":
		return "virtvboxd"
	case "ch":
		return "virtchd"
	case "bhyve":
		return "virtbhyved"
	case "vz":
		return "virtvzd"
	}
	return ""
}

// socketPaths lists the paths at which daemons of those names may listen, the
// best first: a daemon treats who comes through its read-only socket as such. In
// a container /var/run may lead nowhere, elsewhere /run may not be what it is.
func socketPaths(root string, names []string, session bool) []string {
	var paths []string
	add := func(dir string, suffixes ...string) {
		for _, name := range names {
			for _, suffix := range suffixes {
				paths = append(paths, below(root, path.Join(dir, name+suffix)))
			}
		}
	}
	if session {
		if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
			add(path.Join(dir, "libvirt"), "-sock")
		}
		add(path.Join("/run/user", strconv.Itoa(os.Geteuid()), "libvirt"), "-sock")
		return paths
	}
	add("/run/libvirt", "-sock-ro", "-sock")
	add("/var/run/libvirt", "-sock-ro", "-sock")
	return paths
}

func below(root, name string) string { return filepath.Join("/", root, name) }

// findDaemons returns the system's daemons whose sockets are there and may be
// opened. The error wraps *source.Unavailable if there are none.
func findDaemons(root string) ([]*endpoint, error) {
	var (
		found   []*endpoint
		refused error
	)
	for _, driver := range []string{"qemu", "xen", "lxc", "vbox", "ch"} {
		uri := driver + ":///system"
		if driver != "qemu" {
			uri += "?mode=direct" // libvirtd serves those that it was built with: nobody knows which
		}
		e, err := parseURI(uri, root)
		if err != nil {
			return nil, err
		}
		e.assumed = true
		switch err := mayOpen(e.sockets); {
		case err == nil:
			found = append(found, e)
		case !errors.Is(err, fs.ErrNotExist):
			refused = err
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case refused != nil:
		return nil, &source.Unavailable{
			Reason: model.NoPermission,
			Remedy: "let the exporter's user open the daemon's read-only socket (unix_sock_ro_perms), or run it in the group libvirt",
			Err:    refused,
		}
	}
	return nil, &source.Unavailable{
		Reason: model.NoDaemon,
		Remedy: "install libvirt, or name the daemon's URI with --libvirt.uri",
		Err:    fmt.Errorf("no socket of a libvirt daemon below %s", below(root, "/run/libvirt")),
	}
}

// mayOpen reports whether one of the sockets is there and may be connected to.
// Connecting would start a daemon that sleeps until somebody does.
func mayOpen(sockets []string) error {
	best := fs.ErrNotExist
	for _, s := range sockets {
		err := unix.Faccessat(unix.AT_FDCWD, s, unix.W_OK, unix.AT_EACCESS)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, fs.ErrNotExist):
			best = fmt.Errorf("opening %s: %w", s, err)
		}
	}
	return best
}
