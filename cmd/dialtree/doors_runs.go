package main

import (
	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/syncer"
)

// observe shows the runs that a schedule begins to the admin side.
func (n *node) observe(connector string, cancel func(cause error)) (progress func(syncer.Progress), ended func(*syncer.Report, error)) {
	at, end := n.admin.Scheduled(connector, cancel)
	return func(p syncer.Progress) { at(admin.Progress(p)) },
		func(r *syncer.Report, err error) { end(shownReport(r, err)) }
}
