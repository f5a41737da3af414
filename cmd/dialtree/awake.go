package main

import (
	"context"
	"time"

	"github.com/dialtree/dialtree/cmd/dialtree/internal/service"
	"github.com/dialtree/dialtree/store"
)

// keepAwake tells the service manager's watchdog that logins are served, each time that this was seen: a bind that came in by a listener
// was answered, and the store was read. A process that hangs in either is restarted, where a timer would go on telling that all is well.
func (n *node) keepAwake(ctx context.Context, given *service.Given) {
	if given.Watchdog == 0 {
		return
	}
	every := given.Watchdog / 3
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for failing := false; ; {
		err := n.probe(ctx, given.Watchdog/2)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			err = given.Notifier.WatchdogPing()
		}
		if err != nil && !failing {
			n.logger.Warn("the watchdog was not told that logins are served", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (n *node) probe(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	l := n.ldapListeners[0]
	if err := service.ProbeBind(ctx, l.Addr(), l.TLS, n.config.LDAP.ProxyProtocolFrom); err != nil {
		return err
	}
	return n.store.View(func(*store.Snapshot) error { return nil })
}
