package store

import "iter"

// Changes is what Apply does, all of it or nothing. Within one Changes, objects are put first, then entries are
// removed, then put, then objects are removed; what must be unique has to be so in the end only, so that two users can swap their names.
type Changes struct {
	// Put holds whole entries. One without an ID is created. One with the ID of an entry replaces it, and one with
	// another ID is created with that ID, as an undo does. An entry that is put as it is stays untouched: it keeps its Seq.
	Put []Entry
	// PutEach gives further entries to be put, behind those of Put, one at a time: a large import need not be in memory decoded. It is
	// ranged over once. An entry that it gives is not used any more when it gives the next.
	PutEach iter.Seq[*Entry]
	Remove  []Ref

	PutObjects    []Object
	RemoveObjects []ObjectRef
	// Force lets connectors and phonebooks be removed although entries belong to them: a
	// connector's entries become hand-made ones, a phonebook's contacts go with it.
	Force bool

	// Expect holds entries that must still be at the change at which they were read: 0 when they must not exist.
	// Else Apply fails with a *ChangedError.
	Expect []Expectation

	// Run is recorded with the changes. Apply sets its ID, where it is empty, and its Seq.
	Run *Run
	// Undo keeps with the run what Put and Remove replaced, for RunBefore.
	Undo bool

	// By is who makes the change: each object and entry that it changes gets an audit record, up to 100 of them. Changes without are those of
	// connectors, which record their runs.
	By *Actor
	// Audit holds further audit records. They are written even where nothing changes.
	Audit []AuditRecord
	// Refusals are recorded likewise, in a log of their own.
	Refusals []Refusal

	// Sessions are changed without a number of their own. SeenSessions passes over what is not there.
	EndSessions  []string
	PutSessions  []Session
	SeenSessions []SessionSeen

	// PutPlans keeps what dry runs showed, one for a connector, and ForgetPlans names the connectors whose plan goes. They have no number of their own either.
	PutPlans    []Plan
	ForgetPlans []string

	// DryRun checks everything and changes nothing.
	DryRun bool
}

func (c *Changes) changesSessions() bool {
	return len(c.EndSessions)+len(c.PutSessions)+len(c.SeenSessions) > 0
}

func (c *Changes) changesPlans() bool { return len(c.PutPlans)+len(c.ForgetPlans) > 0 }

// An Expectation is an entry as somebody saw it.
type Expectation struct {
	Ref Ref
	Seq uint64
}

// An ObjectRef names an object.
type ObjectRef struct {
	Kind ObjectKind `json:"kind"`
	Name string     `json:"name"`
}

func (r ObjectRef) String() string { return string(r.Kind) + " " + r.Name }

// An Effect is what a put did.
type Effect uint8

// The effects.
const (
	Unchanged Effect = iota
	Created
	Updated
)

// String returns unchanged, created or updated.
func (e Effect) String() string {
	switch e {
	case Created:
		return "created"
	case Updated:
		return "updated"
	}
	return "unchanged"
}

// Applied is what Apply did.
type Applied struct {
	Seq     uint64   // the number of this change; the last one's where nothing changed
	IDs     []string // of Changes.Put and PutEach, in their order
	Effects []Effect // of Changes.Put and PutEach, in their order
	Objects []Effect // of Changes.PutObjects, in its order
	Run     *Run     // as recorded
}
