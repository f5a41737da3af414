//go:build !linux

package service

import "time"

// Elsewhere nothing tells whether a socket listens: accepting from it does.
const soAcceptConn = 0

func monotonic() time.Duration { return 0 }

// NoNewPrivileges does nothing here.
func NoNewPrivileges() error { return nil }

func verifyUser(int, int) error { return nil }
