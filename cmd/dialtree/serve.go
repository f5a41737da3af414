package main

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/dialtree/dialtree/cmd/dialtree/internal/service"
	"github.com/dialtree/dialtree/store"
)

func newServeCommand(e *env) *cobra.Command {
	var forget bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Serve answers phones and PBXs over LDAP, runs the connectors' schedules, and listens
for the other commands on a socket in the data directory. Without a configuration it
serves on loopback. It logs one line when it is ready. Certificates that are replaced are
taken over within seconds; SIGHUP reads them and the limits again at once and opens the log
file anew; SIGUSR2 restarts it without refusing a connection, as ` + "`dialtree restart`" + ` does;
SIGINT and SIGTERM end it within a few seconds.

Sockets that systemd passes as ldap, ldaps and admin take the place of the configured
addresses. Started as root, it becomes the configured user once it listens.`,
		Example: `  dialtree serve
  dialtree serve --config /etc/dialtree/dialtree.yaml
  DIALTREE_LDAP_LISTEN=0.0.0.0:389 DIALTREE_USER=dialtree dialtree serve`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return serve(c.Context(), e, forget) },
	}
	c.Flags().BoolVar(&forget, flagForgetSecrets, false, "give up the sealed secrets because their key file is lost for good; the log lists what to enter again")
	return c
}

const flagForgetSecrets = "forget-secrets"

// A server is a node as a process: with what started it, its log and its signals.
type server struct {
	env    *env
	given  *service.Given
	open   []service.Socket // sockets that the next start uses
	forget bool
	failed error // what the last restart came to, where it came to nothing
}

// serve runs the server until ctx ends. It starts more than once only where a restart came to nothing at its last step.
func serve(ctx context.Context, e *env, forget bool) error {
	given, err := service.Take()
	if err != nil {
		return err
	}
	s := &server{env: e, given: given, open: given.Sockets, forget: forget}
	for {
		next, err := s.run(ctx)
		if next == nil {
			return err
		}
		s.failed = next.exec(s)
		if s.open, err = next.sockets.Take(); err != nil {
			return errors.Join(s.failed, err)
		}
	}
}

// run starts the server and runs it to its end. It returns the program to restart as, if that is what ended it.
func (s *server) run(ctx context.Context) (next *successor, err error) {
	c, err := loadConfig(s.env)
	if err != nil {
		return nil, err
	}
	sockets, unused, err := openSockets(ctx, c, s.open)
	if err != nil {
		return nil, err
	}
	for _, u := range unused {
		u.Close()
	}
	owned := false // by the node, which closes them
	defer func() {
		for _, l := range sockets {
			if !owned {
				l.Close()
			}
		}
	}()
	rights, err := giveUpRights(c)
	if err != nil {
		return nil, err
	}
	out, file, err := s.logOutput(c)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if s.env.getenv("GOGC") == "" {
		// Most of the memory is idle connections. With the runtime's own setting an
		// equal part would lie about as garbage: 9 KiB for a connection, not 8.
		debug.SetGCPercent(50)
	}
	// A reader of the log that went away, and a limit on the size of files, are errors of the write and no reason to end.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGXFSZ)
	var logger *slog.Logger
	log := startLogWriter(out, func(lines int) {
		logger.Warn("lines of the log were lost: nobody read them, or there was no room to write them", "lines", lines)
	})
	defer log.close()
	tail := logtail.New()
	logger = newLogger(c, log, file == nil && isTerminal(s.env.stderr), tail)
	limitMemory(s.env.getenv, logger)
	c.Warnings = append(c.Warnings, scarce(c, resources.DescriptorsOf())...)
	for _, w := range c.Warnings {
		logger.Warn(w.Error())
	}
	if err := keepOutOfCores(); err != nil {
		logger.Warn("a crash may leave passwords in a core file", "error", err)
	}
	if s.failed != nil {
		logger.Error("the restart came to nothing at its last step: this program starts again", "error", s.failed)
	}
	if rights != "" {
		logger.Warn(rights)
	}
	if err := s.forgetSecrets(ctx, c, logger); err != nil {
		return nil, err
	}
	owned = true
	n, err := newNode(ctx, c, logger, tail, sockets)
	if err != nil {
		return nil, err
	}
	if err := n.printFirstLink(s.env.stdout); err != nil {
		logger.Warn("the link to the first sign-in could not be shown: `dialtree admin link` makes another", "error", err)
	}
	next, err = s.attend(ctx, n, file, logger)
	if next != nil && ctx.Err() != nil { // told to end while it was restarting
		next.sockets.Close()
		os.Remove(socketPath(c.DataDir))
		next = nil
	}
	if next == nil {
		logger.Info("stopped")
		return nil, err
	}
	if err != nil {
		logger.Error("the server did not end well before its restart", "error", err)
	}
	return next, nil
}

// attend runs the node and heeds signals meanwhile. It returns the program to restart as, if that is what ended the node.
func (s *server) attend(ctx context.Context, n *node, file *logFile, logger *slog.Logger) (next *successor, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR2)
	attending := make(chan struct{})
	go func() {
		defer close(attending)
		for {
			select {
			case <-ctx.Done():
				s.tell(logger, s.given.Notifier.Stopping("Answers what was asked, and ends"))
				return
			case sig := <-signals:
				if sig == syscall.SIGHUP {
					s.reload(n, file, logger)
					continue
				}
				made, err := s.prepare(ctx, n)
				if err != nil {
					logger.Error(restartRefused, "error", err)
					continue
				}
				logger.Info("restarting: what was asked is answered first", "program", made.program, "version", made.version)
				s.tell(logger, s.given.Notifier.Reloading("Restarts: answers what was asked, and starts again"))
				next = made
				n.handedOver.Store(true)
				cancel()
				return
			}
		}
	}()
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		n.keepAwake(ctx, s.given)
	}()
	standing := make(chan struct{})
	go func() {
		defer close(standing)
		n.keepStanding(ctx, s.given.Notifier)
	}()
	err = n.run(ctx, func() { s.tell(logger, s.given.Notifier.Ready(n.status())) })
	// Not back to their defaults, by which they would end the process while it drains, or while the next program starts.
	signal.Ignore(syscall.SIGHUP, syscall.SIGUSR2)
	cancel()
	<-attending
	<-watching
	<-standing
	return next, err
}

// tell logs that the service manager could not be told something.
func (s *server) tell(logger *slog.Logger, err error) {
	if err != nil {
		logger.Warn("the service manager does not listen", "error", err)
	}
}

// reload takes over what may change while the server runs. A configuration with a
// mistake changes nothing, but the log file is opened anew in any case.
func (s *server) reload(n *node, file *logFile, logger *slog.Logger) {
	s.tell(logger, s.given.Notifier.Reloading("Reads certificates and limits again"))
	defer func() { s.tell(logger, s.given.Notifier.Ready(n.status())) }()
	if err := file.reopen(); err != nil {
		logger.Error("the log file could not be opened anew: logging goes on in the old one", "error", err)
	}
	c, err := loadConfig(s.env)
	if err == nil {
		err = n.reload(c)
	}
	if err != nil {
		logger.Error("the configuration was not taken over: the old one stays in force", "error", err)
		return
	}
	logger.Info("certificates and limits were read again; other keys need a restart")
}

// giveUpRights makes the process the configured user, if root started it. Where it stays root, it says so.
func giveUpRights(c *config.Config) (warning string, err error) {
	euid := os.Geteuid()
	if c.User == "" {
		if euid == 0 {
			warning = "the server runs as root and does not need to: set user, such as to dialtree; it listens before it becomes that user"
		}
		return warning, service.NoNewPrivileges()
	}
	id, err := service.LookUp(c.User, c.Group)
	if err != nil {
		return "", err
	}
	switch {
	case euid == id.UID:
	case euid != 0:
		return "", fmt.Errorf("user: only root can become %s: start the server as root or as %[1]s, or leave user out", c.User)
	default:
		if err := errors.Join(id.OwnDirectory(c.DataDir), id.Become()); err != nil {
			return "", err
		}
	}
	return "", service.NoNewPrivileges()
}

// forgetSecrets does what --forget-secrets asks for, once.
func (s *server) forgetSecrets(ctx context.Context, c *config.Config, logger *slog.Logger) error {
	if !s.forget {
		return nil
	}
	lost, err := store.ForgetSecrets(ctx, c.DataDir)
	for _, secret := range lost {
		logger.Warn("a secret was given up: enter it again with dialtree apply", "object", secret.Object.String(), "key", secret.Path)
	}
	s.forget = false
	return err
}

// logOutput is where the log goes. file is nil where that is standard error.
func (s *server) logOutput(c *config.Config) (out io.Writer, file *logFile, err error) {
	if c.Log.File == "" {
		return s.env.stderr, nil, nil
	}
	file, err = openLogFile(c.Log.File)
	return file, file, err
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
