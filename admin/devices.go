package admin

import (
	"context"
	"errors"
	"net/http"
	"net/netip"

	"github.com/dialtree/dialtree/admin/access"
)

// Devices are the accounts of phones and PBXs, and what they may read. Its methods may be called concurrently.
type Devices interface {
	// Login checks a device's secret and counts the attempt as it counts a bind. It returns the device's name as it is stored, or
	// ErrLoginRefused, ErrLoginThrottled, or an error that says why this could not be found out.
	Login(ctx context.Context, client netip.AddrPort, name string, secret []byte) (device string, err error)
	// Phonebook returns the phonebook of that name; false where there is none that the device may read.
	Phonebook(ctx context.Context, device, name string) (ReadablePhonebook, bool, error)
}

// The errors of Devices.Login.
var (
	ErrLoginRefused   = errors.New("the login was refused")
	ErrLoginThrottled = errors.New("too many failed logins")
)

// A ReadablePhonebook is a phonebook as a whole.
type ReadablePhonebook struct {
	Name    string
	Title   string
	Total   int    // contacts
	Version string // another one after each change, also of one contact
}

const (
	maxPerDevice = 4  // requests of one device at once
	maxDevices   = 32 // requests of all devices at once
)

// forDevices lets a request through that comes with a device's name and secret, and notes who it is in its context.
func (s *Server) forDevices(next http.Handler) http.Handler {
	gate := newGate(maxPerDevice, maxDevices)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		device, problem := s.loginDevice(w, r)
		if problem != nil {
			writeProblem(w, problem)
			return
		}
		if !gate.enter(device) {
			writeProblem(w, tooMany(w))
			return
		}
		defer gate.leave(device)
		who := &access.Identity{Name: device, Door: access.DoorDevice, Scopes: []access.Scope{access.Device}, From: r.RemoteAddr}
		next.ServeHTTP(w, r.WithContext(access.With(r.Context(), who)))
	})
}

func (s *Server) loginDevice(w http.ResponseWriter, r *http.Request) (string, *Problem) {
	client, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "", newProblem(http.StatusInternalServerError, "the client has no address")
	}
	// Before the login is asked for: a client that sends it to be told so would have sent it in clear.
	if r.TLS == nil && !s.mayLogInClear(client.Addr().Unmap().WithZone("")) {
		return "", newProblem(http.StatusForbidden, clearText)
	}
	name, secret, ok := r.BasicAuth()
	if !ok {
		noted(r.Context()) // every phone asks without a name first
		w.Header().Set("WWW-Authenticate", challenge)
		return "", newProblem(http.StatusUnauthorized, "log in with the name and the secret of a device")
	}
	device, err := s.options.Devices.Login(r.Context(), client, name, []byte(secret))
	if err == nil {
		return device, nil
	}
	noted(r.Context()) // by who refused the login
	switch {
	case errors.Is(err, ErrLoginRefused):
		w.Header().Set("WWW-Authenticate", challenge)
		return "", newProblem(http.StatusUnauthorized, "this is not the name and the secret of a device")
	case errors.Is(err, ErrLoginThrottled):
		w.Header().Set("Retry-After", "30")
		return "", newProblem(http.StatusTooManyRequests, "too many failed logins of this device or from this address: try again later")
	}
	w.Header().Set("Retry-After", "5")
	return "", newProblem(http.StatusServiceUnavailable, "the secret could not be checked: try again later")
}

// clearText refuses a secret that everybody on the way has read.
const clearText = "secrets are taken over TLS only: use https, for which the server needs admin.cert_file, or have this address added to admin.clear_text_from"

// challenge is what a client is asked for (RFC 7617).
const challenge = `Basic realm="dialtree", charset="UTF-8"`

// mayLogInClear looks at the address of the connection only: any header with another one could be forged.
func (s *Server) mayLogInClear(client netip.Addr) bool {
	if client.IsLoopback() {
		return true
	}
	for _, p := range s.options.ClearFrom {
		if p.Contains(client) {
			return true
		}
	}
	return false
}
