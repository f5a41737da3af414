package main

import "syscall"

// childOfDemo has a node die with the demo, and not of the Ctrl-C that is meant for it: the demo ends its nodes before etcd.
func childOfDemo() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
