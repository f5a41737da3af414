package service

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

const (
	soAcceptConn   = syscall.SO_ACCEPTCONN
	clockMonotonic = 1
	prSetNoNewPriv = 38
)

// monotonic is the clock that service managers compare reloads by.
func monotonic() time.Duration {
	var t syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}

// NoNewPrivileges keeps this process and its children from gaining rights by executing a program, as by a set-user-ID one.
func NoNewPrivileges() error {
	_, _, errno := syscall.AllThreadsSyscall(syscall.SYS_PRCTL, prSetNoNewPriv, 1, 0)
	if errno == syscall.ENOTSUP { // with cgo the runtime does not know all threads; those to come inherit it
		_, _, errno = syscall.RawSyscall(syscall.SYS_PRCTL, prSetNoNewPriv, 1, 0)
	}
	if errno != 0 {
		return fmt.Errorf("give up gaining privileges: %w", errno)
	}
	return nil
}

// verifyUser looks whether every thread runs as a user and group and nothing else.
func verifyUser(uid, gid int) error {
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(files) == 0 {
		return errors.New("/proc does not tell what the threads run as")
	}
	for _, file := range files {
		status, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // the thread has ended
		}
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(status)) {
			key, ids, _ := strings.Cut(line, ":")
			want := map[string]int{"Uid": uid, "Gid": gid}
			if id, ok := want[key]; ok && strings.Join(strings.Fields(ids), " ") != strings.TrimSpace(strings.Repeat(fmt.Sprintf("%d ", id), 4)) {
				return fmt.Errorf("%s still has %s", file, strings.TrimSpace(line))
			}
		}
	}
	return nil
}
