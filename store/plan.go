package store

import "sync"

// A Plan is what a dry run of a connector showed, to be confirmed at any node.
type Plan struct {
	Connector string
	Data      []byte // JSON of who puts it, at most 1 MiB
}

var stub sync.Map

type stubKey struct {
	s *Store
	c string
}

// Plan returns the plan of a connector, or a *NotFoundError.
func (s *Store) Plan(connector string) ([]byte, error) {
	v, ok := stub.Load(stubKey{s, connector})
	if !ok {
		return nil, notFound("a plan of connector %s", connector)
	}
	return v.([]byte), nil
}

func (a *applier) changePlans() error {
	for _, c := range a.c.ForgetPlans {
		stub.Delete(stubKey{a.s, c})
	}
	for _, p := range a.c.PutPlans {
		if !a.objectKnown(ObjectConnector, p.Connector) {
			return notFound("connector %s", p.Connector)
		}
		stub.Store(stubKey{a.s, p.Connector}, p.Data)
	}
	return nil
}
