package web

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/dialtree/dialtree/syncer/source"
	"github.com/dialtree/dialtree/syncer/source/file"
)

// maxHead bounds what comes before the file.
const maxHead = 1 << 20

// exchange asks for the file and reads the head of the answer.
func (p *place) exchange(ctx context.Context, at *url.URL, authorization string) (*stream, error) {
	conn, err := p.dial(ctx, at)
	if err != nil {
		return nil, err
	}
	s := &stream{conn: conn, stop: context.AfterFunc(ctx, func() { conn.Close() })}
	if err := s.ask(at, authorization, p.o.Accept); err != nil {
		s.Close()
		return nil, err
	}
	s.clear = at.Scheme == "http" && authorization != ""
	s.selfEnding = p.o.SelfEnding
	return s, nil
}

func (p *place) dial(ctx context.Context, at *url.URL) (net.Conn, error) {
	address := net.JoinHostPort(at.Hostname(), port(at))
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err // without the address, which is there already
	}
	if err != nil {
		return nil, source.Temporary(fmt.Errorf("server %s cannot be reached: %w: check url and the network", address, err))
	}
	if at.Scheme != "https" {
		return conn, nil
	}
	config, err := p.o.TLS.config(at.Hostname())
	if err != nil {
		conn.Close()
		return nil, err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, explainTLS(at.Hostname(), err)
	}
	return secure, nil
}

// A stream is the answer to a request, on a connection of its own.
type stream struct {
	conn     net.Conn
	stop     func() bool
	head     io.LimitedReader // on conn, below buffered
	buffered *bufio.Reader
	response *http.Response
	clear    bool // the login went over the network in clear

	selfEnding bool // as Options has it
}

func (s *stream) ask(at *url.URL, authorization, accept string) error {
	if accept == "" {
		accept = "*/*"
	}
	request := &http.Request{Method: http.MethodGet, URL: at, Host: at.Host, Close: true, Header: http.Header{
		"Accept":          {accept},
		"Accept-Encoding": {"identity"},
		"User-Agent":      {"dialtree"},
	}}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	if err := request.Write(s.conn); err != nil {
		return source.Temporary(fmt.Errorf("the request could not be sent: %w", err))
	}
	s.head = io.LimitedReader{R: s.conn, N: maxHead}
	s.buffered = bufio.NewReader(&s.head)
	for {
		response, err := http.ReadResponse(s.buffered, request)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), isReset(err):
			return source.Temporary(errors.New("the server ended the connection without an answer"))
		case err != nil:
			return fmt.Errorf("the answer is not HTTP: %w", err)
		case response.StatusCode >= 200:
			s.response = response
			s.head.N = 1 << 62 // the file has limits of its own
			return nil
		}
	}
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.response.Body.Read(b)
	switch {
	case err == io.EOF && n > 0:
		return n, nil // it comes again
	case err == io.EOF:
		return 0, s.end()
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && isReset(err):
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// lingering is how long the end of the connection may take after that of the file.
const lingering = 500 * time.Millisecond

// end makes sure that nothing follows the file, and returns io.EOF when that is so. A server that keeps the connection open
// although it was asked to close it is believed.
func (s *stream) end() error {
	if s.response.ContentLength < 0 {
		return io.EOF // what a chunk or the connection ends
	}
	s.conn.SetReadDeadline(time.Now().Add(lingering))
	if _, err := s.buffered.Peek(1); err == nil {
		return fmt.Errorf("the server announced %d bytes and sent more: nothing that it sent can be trusted to be whole", s.response.ContentLength)
	}
	return io.EOF
}

func (s *stream) State() (file.State, error) {
	return file.State{Size: s.response.ContentLength}, nil
}

func (s *stream) Notes() []string {
	var notes []string
	if s.clear {
		notes = append(notes, "the login went over the network in clear: use https")
	}
	if !s.selfEnding && s.response.ContentLength < 0 && len(s.response.TransferEncoding) == 0 {
		notes = append(notes, "the server did not say how long the file is, so that one that is cut off looks complete")
	}
	return notes
}

func (s *stream) Close() error {
	s.stop()
	return s.conn.Close()
}
