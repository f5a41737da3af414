package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// keepOutOfCores sees to it that a crash leaves no file with the passwords of those who were just logging in, and that other
// processes of the same user cannot look into this one. Only root still can, who can do anything.
func keepOutOfCores() error {
	limit := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	if limit != nil {
		limit = fmt.Errorf("limit core dumps: %w", limit)
	}
	// A core that is piped to a program, such as systemd-coredump, heeds no limit; this it does heed (core(5)).
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0); errno != 0 {
		return errors.Join(limit, os.NewSyscallError("prctl", errno))
	}
	return limit
}
