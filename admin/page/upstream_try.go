package page

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/dialtree/dialtree/admin"
)

func (r *request) tryStoredUpstream() error {
	stored, _, err := r.storedUpstream()
	if err != nil {
		return err
	}
	return r.tryUpstream(stored, r.PostFormValue("tag"))
}

// tryUpstream connects to what was typed, which is not saved.
func (r *request) tryUpstream(stored upstreamDocument, tag string) error {
	name := stored.Name
	if name == "" {
		name = r.PostFormValue("name")
	}
	u := r.typedUpstream(name, stored)
	d := newUpstreamData(u, tag)
	d.Name = stored.Name
	raw, err := json.Marshal(u)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if d.Test, err = r.page.api.TestUpstream(r.Context(), raw); err != nil {
		if d.Test = nil; !r.tryProblem(d, err) {
			return err
		}
		status = d.Problem.Status
	}
	if r.Header.Get("X-Fragment") == "1" {
		return r.fragment("upstream", "test", d)
	}
	title := text("Directory")
	if d.Name == "" {
		title = text("Add a directory")
	}
	return r.showUpstream(status, title, d)
}

// tryProblem puts what the API had against the form into it: beside the inputs, or, where the form itself is
// not shown again, as a list.
func (r *request) tryProblem(d *upstreamData, err error) bool {
	problem, ok := problemOf(err)
	switch {
	case !ok:
		return false
	case r.Header.Get("X-Fragment") == "1":
		d.Problem = problem
	default:
		d.blame(problem)
	}
	return true
}

// A testedServer is how a server answered.
type testedServer struct {
	admin.ServerTest
	Pin string // of the server's key; empty when it showed none
}

// Steps are the steps with their titles.
func (s testedServer) Steps() []testStep { return stepsOf(s.ServerTest.Steps) }

var pin = regexp.MustCompile(`sha256/[A-Za-z0-9+/]{43}=`)

// Tested are the servers that were tested.
func (d *upstreamData) Tested() []testedServer {
	if d.Test == nil {
		return nil
	}
	var out []testedServer
	for _, s := range d.Test.Servers {
		t := testedServer{ServerTest: s}
		for _, step := range s.Steps {
			if found := pin.FindString(step.Detail); found != "" {
				t.Pin = found
			}
		}
		out = append(out, t)
	}
	return out
}

// Fill is what choosing a pin puts into the form.
func (d *upstreamData) Fill(pin string) string {
	return filling(map[string]string{"f-pinned_key": pin})
}
