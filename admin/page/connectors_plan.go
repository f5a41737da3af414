package page

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

const (
	plannedPage = 50 // changes on a page
	maxPlanned  = 80 // runes of a value in the table: a page of long notes must not become a megabyte
)

// A planView is what a run did or would do, a part at a time.
type planView struct {
	*admin.Report
	Shown  []admin.PlannedChange
	Tabs   []planTab
	First  string // the address of the first part; empty on it
	Next   string
	Cut    bool // the report holds only the first changes
	Reason text // why the guard stopped the run
}

// A planTab shows one kind of change only.
type planTab struct {
	Label   text
	Count   int
	Path    string
	Current bool
}

// planOf shows the part of a report that the request's address asks for.
func (r *request) planOf(report *admin.Report) *planView {
	only, from := r.URL.Query().Get("change"), 0
	if n, err := strconv.Atoi(r.URL.Query().Get("from")); err == nil && n > 0 {
		from = n
	}
	address := func(change string, from int) string {
		query := url.Values{}
		if change != "" {
			query.Set("change", change)
		}
		if from > 0 {
			query.Set("from", strconv.Itoa(from))
		}
		return r.URL.Path + "?" + query.Encode() + "#plan"
	}
	run := report.Run
	v := &planView{Report: report, Reason: text(stopReason(run.Error))}
	total := run.Created + run.Updated + run.Removed + run.Rejected
	v.Cut = total > len(report.Changes) && len(report.Changes) > 0
	for _, tab := range []struct {
		change string
		label  text
		count  int
	}{
		{"", text("All"), total}, {"create", text("New"), run.Created}, {"update", text("Changed"), run.Updated},
		{"remove", text("Removed"), run.Removed}, {"reject", text("Rejected"), run.Rejected},
	} {
		if tab.count > 0 || tab.change == "" {
			v.Tabs = append(v.Tabs, planTab{tab.label, tab.count, address(tab.change, 0), tab.change == only})
		}
	}
	changes := report.Changes
	if only != "" {
		changes = slices.DeleteFunc(slices.Clone(changes), func(c admin.PlannedChange) bool { return c.Change != only })
	}
	from = min(from, len(changes))
	to := min(from+plannedPage, len(changes))
	v.Shown = changes[from:to]
	if from > 0 {
		v.First = address(only, 0)
	}
	if to < len(changes) {
		v.Next = address(only, to)
	}
	return v
}

// stopReason is why a run was stopped, without what the API tells users of commands to do.
func stopReason(message string) string {
	reason, _, _ := strings.Cut(message, ": nothing was changed")
	return reason
}

// Clip shortens a value for the table.
func (*planView) Clip(s string) string { return shortened(s, maxPlanned) }

// Result is how the run ended, or that it was none.
func (v *planView) Result() string { return string(v.Run.Result) }
