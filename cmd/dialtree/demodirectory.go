package main

import (
	"crypto/subtle"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jimlambrt/gldap"
)

// demoDirectory is the company directory of the demo: it knows DNs and passwords,
// on loopback, for as long as the demo runs.
type demoDirectory struct {
	address string
	server  *gldap.Server
	done    chan error
}

// startDemoDirectory serves binds for the DNs and their passwords.
func startDemoDirectory(passwords map[string]string) (*demoDirectory, error) {
	server, err := gldap.NewServer(gldap.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		return nil, err
	}
	mux, err := gldap.NewMux()
	if err != nil {
		return nil, err
	}
	err = mux.Bind(func(w *gldap.ResponseWriter, r *gldap.Request) {
		answer := r.NewBindResponse(gldap.WithResponseCode(gldap.ResultInvalidCredentials))
		if m, err := r.GetSimpleBindMessage(); err == nil {
			want, ok := passwords[strings.ToLower(m.UserName)]
			if ok && subtle.ConstantTimeCompare([]byte(want), []byte(m.Password)) == 1 {
				answer.SetResultCode(gldap.ResultSuccess)
			}
		}
		_ = w.Write(answer) // the client is gone: nobody to tell
	})
	if err != nil {
		return nil, err
	}
	if err := mux.Search(searchDemo); err != nil {
		return nil, err
	}
	if err := server.Router(mux); err != nil {
		return nil, err
	}
	d := &demoDirectory{server: server, done: make(chan error, 1)}
	if d.address, err = freeAddress(); err != nil {
		return nil, err
	}
	go func() { d.done <- server.Run(d.address) }()
	for range 500 {
		select {
		case err := <-d.done:
			return nil, fmt.Errorf("start the sample directory on %s: %w", d.address, err)
		case <-time.After(10 * time.Millisecond):
		}
		if server.Ready() {
			return d, nil
		}
	}
	return nil, fmt.Errorf("start the sample directory on %s: it is not ready after 5 s", d.address)
}

// searchDemo answers searches: the directory says what it is, and shows nobody in it.
func searchDemo(w *gldap.ResponseWriter, r *gldap.Request) {
	done := r.NewSearchDoneResponse(gldap.WithResponseCode(gldap.ResultUnwillingToPerform))
	done.SetDiagnosticMessage("the demo's directory checks passwords and cannot be searched")
	if m, err := r.GetSearchMessage(); err == nil && m.BaseDN == "" && m.Scope == gldap.BaseObject {
		_ = w.Write(r.NewSearchResponseEntry("", gldap.WithAttributes(map[string][]string{
			"vendorName": {"Dialtree demo"}, "namingContexts": {"dc=example,dc=com"},
		})))
		done.SetResultCode(gldap.ResultSuccess)
		done.SetDiagnosticMessage("")
	}
	_ = w.Write(done) // the client is gone: nobody to tell
}

// anyPort is a port that is probably free, and none of those that the kernel gives to clients (from 32768 on): one of these may be taken before the server that it
// is meant for listens. A client that calls a server on this machine that is stopped may even be given the server's own port for itself, and keeps it from starting again.
func anyPort() int { return 20000 + rand.N(12000) }

// freeAddress finds a free port for a server that takes an address, not a listener.
func freeAddress() (string, error) {
	var err error
	for range 100 {
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", anyPort())); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	return "", fmt.Errorf("find a free port: %w", err)
}

// stop ends the directory. Its Stop waits for clients that stay connected, so it
// is given a moment only: the process ends anyway.
func (d *demoDirectory) stop() {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = d.server.Stop() // an error here says that it has stopped already
	}()
	select {
	case <-stopped:
	case <-time.After(time.Second):
	}
}
