package chaos

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// A NameServer answers every question for an IPv4 address with one address, which may change, or not at all.
type NameServer struct {
	conn net.PacketConn
	done sync.WaitGroup

	mu        sync.Mutex // guards what follows
	address   netip.Addr // invalid: the name does not exist
	silent    bool
	questions int
}

// StartNameServer listens on a UDP address.
func StartNameServer(address string) (*NameServer, error) {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, fmt.Errorf("start name server: %w", err)
	}
	s := &NameServer{conn: conn}
	s.done.Go(s.serve)
	return s, nil
}

// Address is where it listens.
func (s *NameServer) Address() string { return s.conn.LocalAddr().String() }

// Close ends it.
func (s *NameServer) Close() {
	s.conn.Close()
	s.done.Wait()
}

// Point makes every name have this address; the zero address: no name exists.
func (s *NameServer) Point(to netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.address, s.silent = to, false
}

// Silence answers nothing until Point.
func (s *NameServer) Silence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = true
}

// Questions is how many came.
func (s *NameServer) Questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.questions
}

func (s *NameServer) serve() {
	b := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(b)
		if err != nil {
			return
		}
		if reply := s.reply(b[:n]); reply != nil {
			_, _ = s.conn.WriteTo(reply, from)
		}
	}
}

// The types of questions, and the codes of answers (RFC 1035).
const (
	typeA        = 1
	codeNoError  = 0
	codeNXDomain = 3
)

// reply is the answer to a query of one question; nil: none.
func (s *NameServer) reply(query []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.questions++
	end := 12
	for end < len(query) && query[end] != 0 {
		end += 1 + int(query[end])
	}
	if end += 5; s.silent || end > len(query) {
		return nil
	}
	question := query[12:end]
	wantsA := binary.BigEndian.Uint16(question[len(question)-4:]) == typeA
	code, answers := codeNoError, 0
	switch {
	case !s.address.IsValid():
		code = codeNXDomain
	case wantsA:
		answers = 1
	}
	reply := append([]byte(nil), query[:2]...)
	reply = append(reply, 0x85, 0x80|byte(code), 0, 1, 0, byte(answers), 0, 0, 0, 0) // an answer, authoritative
	reply = append(reply, question...)
	if answers == 1 {
		four := s.address.As4()
		reply = append(reply, 0xc0, 12, 0, typeA, 0, 1, 0, 0, 0, 0, 0, 4) // that name, of no lasting truth
		reply = append(reply, four[:]...)
	}
	return reply
}
