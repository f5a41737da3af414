package service

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// The variables of the protocols.
const (
	varNotify       = "NOTIFY_SOCKET"
	varWatchdog     = "WATCHDOG_USEC"
	varWatchdogPID  = "WATCHDOG_PID"
	varListen       = "LISTEN_FDS"
	varListenPID    = "LISTEN_PID"
	varListenNames  = "LISTEN_FDNAMES"
	varListenNumber = "LISTEN_FDNUMBERS" // of Dialtree alone, see Exec
)

// firstDescriptor is the number of the first descriptor that is passed (SD_LISTEN_FDS_START).
const firstDescriptor = 3

// A Given is what a process was started with.
type Given struct {
	Sockets  []Socket
	Notifier *Notifier     // never nil
	Watchdog time.Duration // within which WatchdogPing is expected again; 0: not

	environ []string // that the next program in this process needs as well
}

// Take takes over what the process was started with. The variables are removed, and the descriptors close when a program is
// executed: a child inherits nothing of it, and cannot speak for this process. What is meant for another process is ignored.
func Take() (*Given, error) {
	g := &Given{Notifier: &Notifier{path: os.Getenv(varNotify)}}
	for _, name := range []string{varNotify, varWatchdog, varWatchdogPID} {
		if value, ok := os.LookupEnv(name); ok {
			g.environ = append(g.environ, name+"="+value)
		}
	}
	var err error
	if pid := os.Getenv(varWatchdogPID); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		g.Watchdog, err = watchdogOf(os.Getenv(varWatchdog))
	}
	if err == nil && os.Getenv(varListen) != "" && os.Getenv(varListenPID) == strconv.Itoa(os.Getpid()) {
		g.Sockets, err = takeSockets(os.Getenv(varListen), os.Getenv(varListenNames), os.Getenv(varListenNumber))
	}
	for _, name := range []string{varNotify, varWatchdog, varWatchdogPID, varListen, varListenPID, varListenNames, varListenNumber} {
		os.Unsetenv(name)
	}
	if err != nil {
		return nil, err
	}
	return g, nil
}

func watchdogOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil || us <= 0 {
		return 0, fmt.Errorf("%s is %q; it must be a number of microseconds", varWatchdog, text)
	}
	return time.Duration(us) * time.Microsecond, nil
}

// Without returns an environment without the variables of the protocols.
func Without(environ []string) []string {
	var rest []string
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		switch name {
		case varNotify, varWatchdog, varWatchdogPID, varListen, varListenPID, varListenNames, varListenNumber:
		default:
			rest = append(rest, e)
		}
	}
	return rest
}
