package probe

import (
	"math/rand/v2"
	"path"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// referenceSize is how much of a file beside the mount is written for a cycle, in
// bytes: each read of a cycle has a block of its own, and no disk wears out.
const referenceSize = 256 << 10

// Bounds of how much of a directory is read at once, in bytes. The lower one
// holds any entry.
const (
	minList = 280
	maxList = 2048
)

// reads is tier 1.
func (c *cycle) reads(references []*side) error {
	for _, op := range []Op{Read, ReadDir} {
		for _, ref := range references {
			if err := c.begin(op, ref.reference()); err != nil {
				return err
			}
			t, f := c.prepareReads(op, ref)
			var err error
			if f != nil {
				err = c.answer(f.skip(op, ref.reference()))
			} else {
				err = c.compare(t, ref)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cycle) prepareReads(op Op, ref *side) (*timed, *failure) {
	if op == ReadDir {
		return c.listing(ref)
	}
	if f := c.openFile(); f != nil {
		return nil, f
	}
	if ref != nil {
		if f := c.makeFile(ref); f != nil {
			return nil, f
		}
	}
	return c.reading(), nil
}

// reading reads a block past the page cache.
func (c *cycle) reading() *timed {
	var n int
	return &timed{
		op: Read,
		before: func(s *side) unix.Errno {
			return again(func() error {
				_, err := unix.Seek(s.file, s.blocks.draw()*block, unix.SEEK_SET)
				return err
			})
		},
		call: func(s *side) (errno unix.Errno) {
			n, errno = c.read(s.file)
			return errno
		},
		after: func(*side) unix.Errno {
			if n < block {
				return unix.ENODATA // it has been cut
			}
			return 0
		},
	}
}

// openFile opens the file on the mount for reading past the cache. What it is is
// known before it is opened: opening a device, or a pipe, does something.
func (c *cycle) openFile() *failure {
	if c.mount.file != 0 {
		return nil
	}
	found, id, f := c.resolveOnMount(c.req.ReadFile)
	switch {
	case f != nil:
		return f
	case !id.regular():
		return refused(model.SkipNotSupported, "%s is not a regular file", c.req.ReadFile)
	case id.size < block:
		return refused(model.SkipNotSupported, "%s is smaller than %d bytes", c.req.ReadFile, block)
	}
	file, f := c.openDirect(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(found), unix.O_RDONLY|unix.O_NONBLOCK)
	if f != nil {
		return f
	}
	c.mount.file, c.mount.blocks = file, newBlocks(id.size/block)
	return nil
}

// openDirect opens a file past the page cache. In memory there is no other way
// than the cache, so that it is as honest there.
func (c *cycle) openDirect(dir int, p string, flags int) (int, *failure) {
	fd, errno := openAt(dir, p, flags|unix.O_DIRECT)
	if errno == 0 {
		return c.keep(fd), nil
	}
	if errno == unix.EINVAL {
		if fd, errno = openAt(dir, p, flags); errno == 0 {
			if c.keep(fd); c.inMemory(fd) {
				return fd, nil
			}
			return 0, refused(model.SkipNotSupported, "open past the page cache: the file system cannot")
		}
	}
	return 0, failed(errno, "open past the page cache")
}

func (c *cycle) inMemory(fd int) bool {
	if c.statFileSystem(fd) != 0 {
		return false
	}
	fs := uint32(c.statFS.Type)
	return fs == unix.TMPFS_MAGIC || fs == unix.RAMFS_MAGIC
}

// makeFile makes a file without a name beside the mount, on the disk and not only
// in the cache.
func (c *cycle) makeFile(ref *side) *failure {
	fd, f := c.openDirect(ref.dir, ".", unix.O_TMPFILE|unix.O_RDWR)
	if f != nil {
		f.text = ref.String() + ": a file to read: " + f.text
		return f
	}
	ref.file, ref.blocks = fd, newBlocks(min(c.mount.blocks.count, referenceSize/block))
	c.fillBuffer()
	for left := ref.blocks.count * block; left > 0; {
		n := 0
		errno := again(func() (err error) {
			n, err = unix.Write(fd, c.buf[:min(left, bufferSize)])
			return err
		})
		if errno != 0 {
			return failed(errno, "%s: write a file to read", ref)
		}
		left -= int64(n)
	}
	if errno := again(func() error { return unix.Fdatasync(fd) }); errno != 0 {
		return failed(errno, "%s: write a file to read", ref)
	}
	return nil
}

// fillBuffer fills it with what no file system can compress away.
func (c *cycle) fillBuffer() {
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(c.buf) // never fails
}

// listing reads the beginning of the file's directory. It is opened anew each
// time, so that the server is asked, and as much is read on both sides.
func (c *cycle) listing(ref *side) (*timed, *failure) {
	if c.mount.parent == 0 {
		fd, id, f := c.resolveOnMount(path.Dir(c.req.ReadFile))
		if f != nil {
			return nil, f
		}
		if !id.directory() {
			return nil, refused(model.SkipNotSupported, "%s is not a directory", path.Dir(c.req.ReadFile))
		}
		c.mount.parent = fd
	}
	size := maxList
	t := &timed{
		op: ReadDir,
		before: func(s *side) (errno unix.Errno) {
			s.list, errno = openAt(s.parent, ".", unix.O_RDONLY|unix.O_DIRECTORY)
			return errno
		},
		after: func(s *side) unix.Errno { return s.closeList() },
	}
	smallest := maxList
	for _, s := range []*side{c.mount, ref} {
		if s == nil {
			continue
		}
		errno := t.before(s)
		if errno != 0 {
			return nil, failed(errno, "list a directory of %s", s)
		}
		n, errno := c.list(s.list, maxList)
		s.closeList()
		if errno != 0 {
			return nil, failed(errno, "list a directory of %s", s)
		}
		smallest = min(smallest, n)
	}
	size = max(smallest, minList)
	t.call = func(s *side) unix.Errno {
		_, errno := c.list(s.list, size)
		return errno
	}
	return t, nil
}

func (s *side) closeList() unix.Errno {
	_ = unix.Close(s.list)
	s.list = 0
	return 0
}

// blocks draws the blocks of a file, each once before any is drawn again.
type blocks struct{ count, at, stride int64 }

func newBlocks(count int64) blocks {
	// Far apart, so that no server reads ahead what is read next.
	stride := count*5/8 | 1
	for gcd(stride, count) != 1 {
		stride += 2
	}
	return blocks{count: count, at: rand.Int64N(count), stride: stride}
}

// draw returns the number of a block.
func (b *blocks) draw() int64 {
	b.at = (b.at + b.stride) % b.count
	return b.at
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
