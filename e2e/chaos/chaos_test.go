package chaos_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/e2e/chaos"
)

// directory answers binds on loopback: the password "right" is right.
func directory(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					m, err := next(c)
					if err != nil || m.Op != ldapwire.OpBindRequest {
						return
					}
					code := ldapwire.InvalidCredentials
					if string(m.Bind.Password) == "right" {
						code = ldapwire.Success
					}
					c.Write(ldapwire.AppendBindResponse(nil, m.ID, code, "a text", nil))
				}
			}()
		}
	}()
	return l.Addr().String()
}

// next reads one message.
func next(c net.Conn) (*ldapwire.Message, error) {
	var b []byte
	for {
		size, err := ldapwire.Size(b, 1<<16)
		if err != nil {
			return nil, err
		}
		if size > 0 && len(b) == size {
			m := new(ldapwire.Message)
			return m, m.Decode(b, nil)
		}
		one := make([]byte, 1)
		if _, err := io.ReadFull(c, one); err != nil {
			return nil, err
		}
		b = append(b, one...)
	}
}

// patience is how long a client waits here.
const patience = 150 * time.Millisecond

// bind binds once, with a message ID that nobody else has, and returns what came.
func bind(t *testing.T, p *chaos.Proxy, id int32, password string) (code ldapwire.ResultCode, err error) {
	t.Helper()
	c, err := net.Dial("tcp", p.Address)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(ldapwire.AppendBindRequest(nil, id, 3, "cn=a", []byte(password))); err != nil {
		return 0, err
	}
	m, err := next(c)
	if err != nil {
		return 0, err
	}
	if m.ID != id || m.Op != ldapwire.OpBindResponse || len(m.Result.Referral) > 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return m.Result.Code, nil
}

// Whatever happens, a client that checks ID and kind is not told the wrong thing.
func TestNoFaultLies(t *testing.T) {
	target := directory(t)
	faults := append(append([]chaos.Fault{}, chaos.MessageFaults...), chaos.ConnectionFaults...)
	for i, f := range faults {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			p, err := chaos.NewProxy(chaos.Options{Target: target, Seed: uint64(i), Patience: patience})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			id := int32(1000)
			tried := func(password string, want ldapwire.ResultCode) {
				id += 1000
				if code, err := bind(t, p, id, password); err == nil && (code == 0 || code == 49) && code != want {
					t.Errorf("%q got %v", password, code)
				}
			}
			tried("right", 0)
			tried("wrong", 49)
			p.Set(chaos.Mix{Chance: 1, Faults: []chaos.Fault{f}})
			for range 2 {
				tried("right", 0)
				tried("wrong", 49)
			}
			if n := p.Injected()[f]; n < 4 {
				t.Errorf("it happened %d times", n)
			}
			p.Set(chaos.Mix{})
			id += 1000
			if code, err := bind(t, p, id, "right"); err != nil || code != 0 {
				t.Errorf("afterwards: %v %v", code, err)
			}
		})
	}
}

func TestDownAndUp(t *testing.T) {
	p, err := chaos.NewProxy(chaos.Options{Target: directory(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Down()
	if _, err := bind(t, p, 1, "right"); err == nil {
		t.Error("it is not down")
	}
	if err := p.Up(); err != nil {
		t.Fatal(err)
	}
	if code, err := bind(t, p, 1, "right"); err != nil || code != 0 {
		t.Errorf("%v %v", code, err)
	}
	if n := p.Delivered()[chaos.Bind{Name: "cn=a", Password: "right"}]; n != 1 {
		t.Errorf("%d binds were delivered", n)
	}
}

func TestNameServer(t *testing.T) {
	s, err := chaos.StartNameServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", s.Address())
	}}
	for _, want := range []string{"127.0.0.7", "", "127.0.0.8"} {
		address, _ := netip.ParseAddr(want) // the zero address for ""
		s.Point(address)
		got, err := resolver.LookupNetIP(t.Context(), "ip4", "directory.example.com.")
		switch {
		case want == "" && err == nil:
			t.Errorf("no name: %v", got)
		case want != "" && (err != nil || len(got) != 1 || got[0].Unmap() != address):
			t.Errorf("%s: %v, %v", want, got, err)
		}
	}
}
