package admin

import (
	"errors"

	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

// A wantedUpstream is that of a connector with `authentication: true`.
type wantedUpstream struct {
	document  *yamldoc.Document
	connector *store.Connector
}

// setsUpUpstream tells whether a connector asks for an upstream of its own.
func setsUpUpstream(d *yamldoc.Document) bool {
	text, ok := d.Text("authentication")
	return ok && text == "true"
}

// addUpstreams adds the upstreams that connectors ask for, apart from those that
// exist or are described in a document: an administrator may have changed them.
func (p *plan) addUpstreams() error {
	for _, w := range p.wanted {
		name := w.connector.Name
		if _, described := p.seen[key(Kind(store.ObjectUpstream), name)]; described {
			continue
		}
		_, err := p.server.options.Store.Upstream(name)
		if err == nil {
			continue
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		u, err := p.server.options.Syncer.Upstream(w.connector)
		if err == nil {
			err = p.server.options.Upstreams.Check(u)
		}
		if err != nil {
			p.field(w.document, err)
			continue
		}
		p.items = append(p.items, item{document: w.document, kind: Kind(store.ObjectUpstream), name: name, object: true, index: len(p.changes.PutObjects)})
		p.changes.PutObjects = append(p.changes.PutObjects, u)
	}
	return nil
}
