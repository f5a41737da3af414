package smb

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/cloudsoda/go-smb2"

	"github.com/dialtree/dialtree/syncer/source/file"
)

// Options name a file on a share and the account that reads it.
type Options struct {
	Server   string // a name or an address; the port is 445 where none follows
	Share    string
	Path     string // within the share, with either slash
	Username string
	Domain   string // empty: the server's own accounts, or what stands in Username
	// Password is asked for at each fetch.
	Password func() (string, error)
}

// New returns the file as a place. It touches no network.
func New(o Options) file.Place {
	p := &place{o: o, host: o.Server, address: o.Server}
	if host, _, err := net.SplitHostPort(o.Server); err == nil {
		p.host = host
	} else {
		p.address = net.JoinHostPort(o.Server, "445")
	}
	p.path = strings.Trim(strings.ReplaceAll(o.Path, "/", `\`), `\`)
	return p
}

type place struct {
	o       Options
	host    string
	address string
	path    string
}

// Name is the UNC path, as it is typed into Windows.
func (p *place) Name() string { return `\\` + p.o.Server + `\` + p.o.Share + `\` + p.path }

func (p *place) Open(ctx context.Context) (file.Stream, error) {
	password, err := p.o.Password()
	if err != nil {
		return nil, fmt.Errorf("%s: share.password: %w", p.Name(), err)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, p.explain(stepDial, err)
	}
	// The library's goroutines end with the connection.
	s := &stream{conn: conn, stop: context.AfterFunc(ctx, func() { conn.Close() })}
	if err := s.open(ctx, p, password); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// open logs in and opens the file.
func (s *stream) open(ctx context.Context, p *place, password string) error {
	dialer := &smb2.Dialer{
		Negotiator: smb2.Negotiator{RequireMessageSigning: true},
		Initiator:  &smb2.NTLMInitiator{User: p.o.Username, Password: password, Domain: p.o.Domain, TargetSPN: "cifs/" + p.host},
	}
	session, err := dialer.DialConn(ctx, s.conn, p.address)
	if err != nil {
		return p.explain(stepLogin, err)
	}
	share, err := session.WithContext(ctx).Mount(`\\` + p.host + `\` + p.o.Share)
	if err != nil {
		return p.explain(stepShare, err)
	}
	if s.file, err = share.WithContext(ctx).Open(p.path); err != nil {
		return p.explain(stepOpen, err)
	}
	info, err := s.file.Stat()
	if err != nil {
		return p.explain(stepOpen, err)
	}
	if info.IsDir() {
		return fmt.Errorf("%s is a directory: name the file in it", p.Name())
	}
	return nil
}

// A stream is an open file on a share, on a connection of its own.
type stream struct {
	conn net.Conn
	stop func() bool
	file *smb2.File // nil until it is open
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.file.Read(b)
	return n, readError(err)
}

func (s *stream) State() (file.State, error) {
	info, err := s.file.Stat()
	if err != nil {
		return file.State{}, readError(err)
	}
	return file.State{Size: info.Size(), Modified: info.ModTime()}, nil
}

func (s *stream) Notes() []string { return nil }

// Close closes the file on the server, too, so that its owner can write it at once. What comes of that is
// of no interest: the connection ends, and the server closes what belongs to it.
func (s *stream) Close() error {
	if s.file != nil {
		_ = s.file.Close()
	}
	s.stop()
	return s.conn.Close()
}
