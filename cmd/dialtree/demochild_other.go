//go:build !linux

package main

import "syscall"

// childOfDemo keeps a node from the Ctrl-C that is meant for the demo, which ends its nodes before etcd.
func childOfDemo() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
