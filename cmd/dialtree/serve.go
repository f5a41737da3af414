package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dialtree/dialtree/admin/logtail"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/resources"
	"github.com/dialtree/dialtree/store"
)

func newServeCommand(e *env) *cobra.Command {
	var forget bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Serve answers phones and PBXs over LDAP, runs the connectors' schedules, and listens
for the other commands on a socket in the data directory. Without a configuration it
serves on loopback. It logs one line when it is ready. SIGHUP reads the certificates
and limits again; SIGINT and SIGTERM end it within a few seconds.`,
		Example: `  dialtree serve
  dialtree serve --config /etc/dialtree/dialtree.yaml
  DIALTREE_LDAP_LISTEN=0.0.0.0:389 dialtree serve`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return serve(c.Context(), e, forget) },
	}
	c.Flags().BoolVar(&forget, "forget-secrets", false, "give up the sealed secrets because their key file is lost for good; the log lists what to enter again")
	return c
}

func serve(ctx context.Context, e *env, forget bool) error {
	c, err := loadConfig(e)
	if err != nil {
		return err
	}
	if e.getenv("GOGC") == "" {
		// Most of the memory is idle connections. With the runtime's own setting an
		// equal part would lie about as garbage: 9 KiB for a connection, not 8.
		debug.SetGCPercent(50)
	}
	// A reader of the log that went away, and a limit on the size of files, are errors of the write and no reason to end.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGXFSZ)
	var logger *slog.Logger
	log := startLogWriter(e.stderr, func(lines int) {
		logger.Warn("lines of the log were lost: nobody read them, or there was no room to write them", "lines", lines)
	})
	defer log.close()
	tail := logtail.New()
	logger = newLogger(c, log, isTerminal(e.stderr), tail)
	limitMemory(e.getenv, logger)
	c.Warnings = append(c.Warnings, scarce(c, resources.DescriptorsOf())...)
	for _, w := range c.Warnings {
		logger.Warn(w.Error())
	}
	if err := keepOutOfCores(); err != nil {
		logger.Warn("a crash may leave passwords in a core file", "error", err)
	}
	if forget {
		lost, err := store.ForgetSecrets(ctx, c.DataDir)
		if err != nil {
			return err
		}
		for _, secret := range lost {
			logger.Warn("a secret was given up: enter it again with dialtree apply", "object", secret.Object.String(), "key", secret.Path)
		}
	}
	n, err := newNode(ctx, c, logger, tail)
	if err != nil {
		return err
	}
	if err := n.printFirstLink(e.stdout); err != nil {
		n.close()
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	reloading := make(chan struct{})
	go func() {
		defer close(reloading)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				reload(e, n, logger)
			}
		}
	}()
	err = n.run(ctx)
	signal.Stop(hangups)
	cancel()
	<-reloading
	logger.Info("stopped")
	return err
}

// reload takes over what may change while the server runs. A configuration with a
// mistake changes nothing.
func reload(e *env, n *node, logger *slog.Logger) {
	c, err := loadConfig(e)
	if err == nil {
		err = n.reload(c)
	}
	if err != nil {
		logger.Error("the configuration was not taken over: the old one stays in force", "error", err)
		return
	}
	logger.Info("certificates and limits were read again; other keys need a restart")
}

// newLogger logs text to a terminal and JSON elsewhere, unless told otherwise, and keeps the last
// lines in tail.
func newLogger(c *config.Config, w io.Writer, terminal bool, tail *logtail.Tail) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		level = slog.LevelInfo // the configuration was checked: this is not reached
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "text" || c.Log.Format == "auto" && terminal {
		return slog.New(tail.Handler(slog.NewTextHandler(w, o)))
	}
	return slog.New(tail.Handler(slog.NewJSONHandler(w, o)))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
