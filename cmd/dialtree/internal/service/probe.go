package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// ProbeBind connects to an address that this process listens on, binds anonymously and waits for the answer, whatever it is: it
// comes from where logins are served. A server that says it is full serves others. Clients from a network of proxies begin with
// the header that is expected of those.
func ProbeBind(ctx context.Context, address net.Addr, overTLS bool, proxies []netip.Prefix) error {
	var d net.Dialer
	target, err := reachable(address)
	if err != nil {
		return err
	}
	c, err := d.DialContext(ctx, "tcp", target)
	if err != nil {
		return fmt.Errorf("connect to this server: %w", err)
	}
	defer c.Close()
	if by, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(by)
	}
	request := ldapwire.AppendBindRequest(nil, 1, 3, "", nil)
	if from, err := netip.ParseAddrPort(c.LocalAddr().String()); err == nil && contains(proxies, from.Addr().Unmap()) {
		if _, err := c.Write([]byte("PROXY UNKNOWN\r\n")); err != nil {
			return err
		}
	}
	if overTLS {
		// Nothing is sent that somebody could read, and the certificate need not name loopback.
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	if _, err := c.Write(request); err != nil {
		return fmt.Errorf("bind at this server: %w", err)
	}
	return awaitAnswer(c)
}

// awaitAnswer reads one message.
func awaitAnswer(c net.Conn) error {
	var in []byte
	for part := make([]byte, 512); ; {
		n, err := c.Read(part)
		in = append(in, part[:n]...)
		size, serr := ldapwire.Size(in, 1<<16)
		if serr != nil {
			return fmt.Errorf("bind at this server: %w", serr)
		}
		if size > 0 && size <= len(in) {
			var m ldapwire.Message
			if err := m.Decode(in[:size], nil); err != nil {
				return fmt.Errorf("bind at this server: %w", err)
			}
			if m.Op == ldapwire.OpBindResponse || m.ID == 0 && m.Result.Code == ldapwire.Busy {
				return nil
			}
			return errors.New("this server does not answer a bind")
		}
		if err != nil {
			return fmt.Errorf("bind at this server: %w", err)
		}
	}
}

// reachable is where a listener is reached from the machine itself.
func reachable(address net.Addr) (string, error) {
	at, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return "", fmt.Errorf("connect to this server: %w", err)
	}
	if at.Addr().IsUnspecified() {
		loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if at.Addr().Is6() {
			loopback = netip.IPv6Loopback()
		}
		at = netip.AddrPortFrom(loopback, at.Port())
	}
	return at.String(), nil
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
