package page

import (
	"regexp"

	"github.com/dialtree/dialtree/admin"
)

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
