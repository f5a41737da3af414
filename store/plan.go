package store

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// maxPlan bounds a plan, in bytes.
const maxPlan = 1 << 20

// A Plan is what a dry run of a connector showed, to be confirmed at any node.
type Plan struct {
	Connector string
	Data      []byte // JSON of who puts it, at most 1 MiB
}

// Plan returns the plan of a connector, or a *NotFoundError.
func (s *Store) Plan(connector string) ([]byte, error) {
	return view(s, func(v *Snapshot) ([]byte, error) {
		data := v.tx.Bucket(bucketPlans).Get([]byte(connector))
		if data == nil {
			return nil, notFound("a plan of connector %s", connector)
		}
		return bytes.Clone(data), nil
	})
}

// changePlans forgets plans, then puts some.
func (a *applier) changePlans() error {
	for _, connector := range a.c.ForgetPlans {
		if err := a.forgetPlan(connector); err != nil {
			return err
		}
	}
	for _, p := range a.c.PutPlans {
		switch {
		case !a.objectKnown(ObjectConnector, p.Connector):
			return notFound("connector %s", p.Connector)
		case len(p.Data) > maxPlan:
			return fmt.Errorf("put plan of connector %s: it is larger than %d bytes", p.Connector, maxPlan)
		case !json.Valid(p.Data):
			return fmt.Errorf("put plan of connector %s: it is no JSON", p.Connector)
		}
		if err := a.w.table(bucketPlans).Put([]byte(p.Connector), p.Data); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) forgetPlan(connector string) error {
	b := a.w.table(bucketPlans)
	if b.Get([]byte(connector)) == nil {
		return nil
	}
	return b.Delete([]byte(connector))
}

// plans checks that each plan is of a connector.
func (c *checker) plans() error {
	return c.forEach(bucketPlans, func(k, v []byte) error {
		where := fmt.Sprintf("plan of connector %s", k)
		switch {
		case !objectExists(c.tx, ObjectRef{ObjectConnector, string(k)}):
			return c.report(where, "the connector does not exist")
		case len(v) > maxPlan || !json.Valid(v):
			return c.report(where, "it cannot be read")
		}
		return nil
	})
}
