package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/dialtree/dialtree/admin"
	"github.com/dialtree/dialtree/authproxy"
)

// signInsDoor checks the passwords of those who sign in as the front checks those of binds.
type signInsDoor struct {
	front  *authproxy.Front
	hasher *authproxy.Hasher
}

func (d signInsDoor) LoginAdministrator(ctx context.Context, client netip.AddrPort, name, hash string, password []byte) error {
	return loginError(d.front.LoginAdministrator(ctx, client, name, hash, password))
}

func (d signInsDoor) LoginUser(ctx context.Context, client netip.AddrPort, name string, password []byte) (string, error) {
	// What an administrator's password costs: nobody shall see from the time that a name is none.
	if err := d.hasher.Spend(ctx, password); err != nil {
		return "", err
	}
	user, outcome := d.front.LoginUser(ctx, client, name, password)
	return user, loginError(outcome)
}

// loginError is the only place where the outcome of a login becomes an error of the admin side.
func loginError(outcome authproxy.Outcome) error {
	switch outcome {
	case authproxy.Accepted:
		return nil
	case authproxy.Refused, authproxy.UnknownUser, authproxy.Disabled, authproxy.Remembered:
		return admin.ErrLoginRefused
	case authproxy.Throttled:
		return admin.ErrLoginThrottled
	}
	return fmt.Errorf("the password could not be checked: %s", outcome)
}

// adminAddress is where a browser finds the page; empty where there is none. A server that listens everywhere is found
// by this machine's name.
func (n *node) adminAddress() string {
	if n.adminListener == nil {
		return ""
	}
	address, ok := n.adminListener.Addr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	host := address.IP.String()
	if address.IP.IsUnspecified() {
		host = "localhost"
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	scheme := "http"
	if n.config.Admin.CertFile != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(address.Port))
}

// printFirstLink shows the one-time link of a server at which nobody can sign in yet. It goes to standard output, never to the log.
func (n *node) printFirstLink(w io.Writer) error {
	link, err := n.admin.FirstLink()
	if err != nil || link == nil {
		return err
	}
	_, err = fmt.Fprintf(w, "Nobody can sign in to the page yet. Open this link once, until %s, to set an administrator's password:\n  %s\n",
		link.Expires.Local().Format(time.DateTime), link.URL)
	return err
}
