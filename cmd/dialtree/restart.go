package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/terminal"
)

// restartTime is how long a restart may take before the command gives up waiting: two trials, the drain, a migration.
const restartTime = 2 * time.Minute

func newRestartCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "restart",
		Short: "Restart the running server, as whatever version is installed now, without refusing a connection",
		Long: `Restart has the running server look whether the program that is installed now can take
over: it must start, know the store's schema and accept the configuration. If it cannot,
nothing happens, and the reason is printed. Otherwise the server answers what was asked,
tells its clients to connect anew, and becomes that program, in the same process and on
the same sockets. Who connects meanwhile waits a moment. This is how an upgrade goes.`,
		Example: "  install -m 755 dialtree /usr/local/bin/dialtree && dialtree config check && dialtree restart",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := e.client()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), restartTime)
			defer cancel()
			start := time.Now()
			status, err := restart(ctx, client)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.stdout, "restarted as dialtree %s (process %d) in %v\n",
				terminal.Printable(status.Version.Version), status.PID, time.Since(start).Round(10*time.Millisecond))
			return err
		},
	}
}

// restart restarts a server and waits until it is ready again.
func restart(ctx context.Context, client *admin.Client) (*admin.Status, error) {
	before, err := client.Status(ctx)
	if err != nil {
		return before, err
	}
	seen, err := lastLogged(ctx, client)
	if err != nil {
		return before, err
	}
	if err := syscall.Kill(before.PID, syscall.SIGUSR2); err != nil {
		return before, fmt.Errorf("signal the server (process %d): %w; run this as its user or as root, where the server runs", before.PID, err)
	}
	for {
		select {
		case <-ctx.Done():
			return before, errors.New("the server has not restarted yet: its log says more")
		case <-time.After(50 * time.Millisecond):
		}
		now, err := client.Status(ctx)
		switch {
		case notRunning(err):
			return before, errors.New("the server has ended in its restart: its log, or what started it, says why")
		case err != nil:
			continue // it was cut off by the restart
		case !now.Started.Equal(before.Started):
			if now.Ready.Ready {
				return now, nil
			}
			continue
		}
		if err := refusal(ctx, client, seen); err != nil {
			return before, err
		}
	}
}

// lastLogged is the number of the last line of the server's log.
func lastLogged(ctx context.Context, client *admin.Client) (uint64, error) {
	lines, err := client.Log(ctx, admin.LogOptions{Limit: 1})
	if err != nil || len(lines) == 0 {
		return 0, err
	}
	return lines[len(lines)-1].N, nil
}

// refusal is why a restart was refused, if the log says that since a line.
func refusal(ctx context.Context, client *admin.Client, since uint64) error {
	lines, err := client.Log(ctx, admin.LogOptions{Level: "ERROR", After: since})
	if err != nil {
		return nil // the server is about to restart
	}
	for _, line := range lines {
		if line.Message != restartRefused {
			continue
		}
		text := restartRefused
		for _, a := range line.Attrs {
			if a.Key == "error" {
				text += ": " + terminal.Printable(a.Value)
			}
		}
		return errors.New(text)
	}
	return nil
}
