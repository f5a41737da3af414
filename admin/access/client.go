package access

import (
	"context"
	"net/netip"
)

// A Client is the machine and program that a request comes from; zero for the unix socket.
type Client struct {
	Address netip.AddrPort
	Agent   string // what the browser says that it is
	TLS     bool
}

type clientKey struct{}

// WithClient returns a context that carries where a request comes from.
func WithClient(ctx context.Context, c Client) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// ClientOf returns where a request comes from.
func ClientOf(ctx context.Context) Client {
	c, _ := ctx.Value(clientKey{}).(Client)
	return c
}

// From returns the address as text; empty for the unix socket.
func (c Client) From() string {
	if !c.Address.IsValid() {
		return ""
	}
	return c.Address.String()
}
