// Command dialtree stands between phones, a PBX and a company's directory. It is
// the server and everything that its administrator does with it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules name time zones, which small containers do not know
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	e := &env{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), name: os.Args[0]}
	code := run(ctx, e, os.Args[1:])
	stop()
	os.Exit(code)
}
