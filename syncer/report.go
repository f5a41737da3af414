package syncer

import "github.com/dialtree/dialtree/store"

// maxShown bounds the planned changes in a report, so that its size does not
// depend on the source's.
const maxShown = 500

// A Report is what a run has to say to the administrator.
type Report struct {
	Run store.Run `json:"run"`
	// DryRun is true when nothing was written, not even the run.
	DryRun bool `json:"dry_run,omitempty"`
	// Temporary is true when the run failed for a reason that may pass by itself.
	Temporary bool `json:"temporary,omitempty"`
	// Changes are the first 500 planned changes, in the order of the source; the
	// run's counts count them all.
	Changes []PlannedChange `json:"changes,omitempty"`
	// Notes say what was found out or left out along the way: an encoding, a column that nothing uses.
	Notes []string `json:"notes,omitempty"`

	unrecorded bool // it failed, and so did its record
	cut        bool // changes are left out, because they are too large together
}

// More tells whether there are changes beyond those in the report.
func (r *Report) More() bool {
	return r.cut || r.Run.Created+r.Run.Updated+r.Run.Removed+r.Run.Rejected > len(r.Changes) && len(r.Changes) == maxShown
}

// A PlannedChange is what a run does, or would do, to one entry.
type PlannedChange struct {
	Change string        `json:"change"` // create, update, remove or reject
	Name   string        `json:"name"`   // the username, else the display name, else the key
	ID     string        `json:"id,omitempty"`
	Row    int           `json:"row,omitempty"` // in the source, from 1; 0 for a removal
	Column string        `json:"column,omitempty"`
	Reason string        `json:"reason,omitempty"` // of a reject
	Fields []FieldChange `json:"fields,omitempty"`
}

// A FieldChange is a field before and after; values of a field that holds many
// are joined by ", ".
type FieldChange struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// The kinds of PlannedChange.
const (
	changeCreate = "create"
	changeUpdate = "update"
	changeRemove = "remove"
	changeReject = "reject"
)

// Progress is where a run is.
type Progress struct {
	Phase       string // fetch, plan or apply
	Done, Total int    // records or entries; Total is 0 while it is unknown
}

// The phases of a run.
const (
	phaseFetch = "fetch"
	phasePlan  = "plan"
	phaseApply = "apply"
)
