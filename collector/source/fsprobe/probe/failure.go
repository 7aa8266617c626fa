package probe

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/virt-exporter/virt_exporter/collector/model"
)

// failure says why something was left out.
type failure struct {
	reason model.Skip
	errno  unix.Errno // 0 where it was not a system call that failed
	text   string
}

// maxText bounds the text of a failure: paths are in it.
const maxText = 512

func failed(errno unix.Errno, format string, args ...any) *failure {
	return &failure{reason: reasonOf(errno), errno: errno, text: fmt.Sprintf(format, args...) + ": " + errno.Error()}
}

func refused(reason model.Skip, format string, args ...any) *failure {
	return &failure{reason: reason, text: fmt.Sprintf(format, args...)}
}

// skip is the answer that tells of it.
func (f *failure) skip(op Op, reference string) Answer {
	text := strings.ToValidUTF8(f.text, "\uFFFD")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return Answer{Skip: &Skip{Op: op, Reference: reference, Reason: f.reason.String(), Err: text}}
}

// reasonOf sorts the errors of the operations.
func reasonOf(errno unix.Errno) model.Skip {
	switch errno {
	case unix.EROFS:
		return model.SkipReadOnly
	case unix.ENOSPC:
		return model.SkipNoSpace
	case unix.EDQUOT:
		return model.SkipQuota
	case unix.EACCES, unix.EPERM:
		return model.SkipPermission
	case unix.ENOENT, unix.ENOTDIR, unix.ESRCH, unix.ESTALE:
		return model.SkipVanished
	case unix.EOPNOTSUPP, unix.ENOSYS, unix.EINVAL, unix.EISDIR:
		return model.SkipNotSupported
	}
	return model.SkipError
}
