package main

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/cmd/dialtree/internal/config"
	"github.com/dialtree/dialtree/cmd/dialtree/internal/resources"
)

func TestScarce(t *testing.T) {
	for _, tc := range []struct {
		name    string
		clients int
		given   bool
		share   resources.Descriptors
		want    string // empty: nothing
	}{
		{"no limit", 20000, true, resources.Descriptors{}, ""},
		{"enough", 500, true, resources.Descriptors{Limit: 1024, LDAP: 640}, ""},
		{"more than asked for", 20000, true, resources.Descriptors{Limit: 20000, LDAP: 19488},
			"of 20000 clients only 19488 can be connected at a time, because the process may open 20000 files"},
		{"what to raise it to", 20000, true, resources.Descriptors{Limit: 20000, LDAP: 19488}, "raise the limit to 20512 ("},
		{"as many as there can be were asked for", 20000, false, resources.Descriptors{Limit: 20000, LDAP: 19488}, ""},
		{"and that is few", 20000, false, resources.Descriptors{Limit: 1024, LDAP: 640}, "only 640 can be connected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := config.Default()
			c.LDAP.MaxConnections, c.Origins = tc.clients, map[string]config.Origin{}
			if tc.given {
				c.Origins["ldap.max_connections"] = config.Origin{}
			}
			warnings := scarce(c, tc.share)
			switch {
			case tc.want == "" && len(warnings) == 0:
			case len(warnings) != 1 || !strings.Contains(warnings[0].Error(), tc.want) || tc.want == "":
				t.Errorf("%v, want %q", warnings, tc.want)
			}
			if got := limitsOf(c, tc.share).MaxConnections; tc.share.LDAP > 0 && got > tc.share.LDAP {
				t.Errorf("%d connections are let in, and there are descriptors for %d", got, tc.share.LDAP)
			}
		})
	}
}

// The one that is too many waits until another one ends, and Close ends the waiting.
func TestBoundedListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := atMost(inner, 2)
	accepted, ended := make(chan net.Conn, 3), make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first := <-accepted
	second := <-accepted
	select {
	case <-accepted:
		t.Fatal("a third connection was accepted")
	case <-time.After(50 * time.Millisecond):
	}
	first.Close()
	first.Close() // which http.Server may do: it makes room for one only
	third := <-accepted
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept ended with %v", err)
	}
	second.Close()
	third.Close()
}
