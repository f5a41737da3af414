//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The generator counts the entries of searches, takes answers in any order, and
// keeps as many requests out as it is told.
func TestGeneratorCountsSearches(t *testing.T) {
	for _, c := range []struct {
		title     string
		pipelined int
		code      byte
		right     bool
	}{
		{"one at a time", 1, 0, true},
		{"a size limit is right", 1, 4, true},
		{"busy is wrong", 1, 51, false},
		{"eight at a time, answered backwards", 8, 0, true},
	} {
		t.Run(c.title, func(t *testing.T) {
			s := searchServer{batch: c.pipelined, entries: 3, code: c.code}
			m, err := load{address: s.listen(t), connections: 2, pipelined: c.pipelined, searches: true, source: "127.0.0.1",
				requests: [][]byte{searchCases()[0].searches("ou=phonebook", 10, 1)[0].Request(firstID)}}.run(100 * time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if (m.wrong == 0) != c.right || m.answers == 0 || m.entries != 3*m.answers || m.max < m.p99 || m.p99 < m.p50 {
				t.Errorf("measured %+v", m)
			}
		})
	}
}

func TestGeneratorPausesAndStops(t *testing.T) {
	s := searchServer{batch: 1}
	stop := make(chan struct{})
	time.AfterFunc(100*time.Millisecond, func() { close(stop) })
	m, err := load{address: s.listen(t), connections: 2, pause: 10 * time.Millisecond, searches: true, source: "127.0.0.1", stop: stop,
		requests: [][]byte{searchCases()[0].searches("ou=phonebook", 10, 1)[0].Request(firstID)}}.run(untilDone)
	if err != nil {
		t.Fatal(err)
	}
	if most := 2 * (1 + int(m.elapsed/(10*time.Millisecond))); m.answers < 4 || m.answers > most || m.elapsed > 5*time.Second {
		t.Errorf("%d answers in %v; want 4 to %d, and an end after 0.1 s", m.answers, m.elapsed, most)
	}
}

// A searchServer answers each batch of requests backwards.
type searchServer struct {
	batch   int
	entries int
	code    byte
}

func (s searchServer) listen(t *testing.T) string {
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
			go s.serve(c)
		}
	}()
	return l.Addr().String()
}

func (s searchServer) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for out := [][]byte{}; ; {
		head, err := in.Peek(2)
		if err != nil {
			return
		}
		request := make([]byte, 2+int(head[1])) // none is longer than 127 octets
		if _, err := io.ReadFull(in, request); err != nil || len(request) < 8 {
			return
		}
		id := request[4:8]
		entry := slices.Concat([]byte{0x30, 0x0c, 2, 4}, id, []byte{searchResultEntry, 4, 4, 0, 0x30, 0})
		done := bindResponse(id, s.code)
		done[8] = 0x65
		out = append(out, append(bytes.Repeat(entry, s.entries), done...))
		if len(out) < s.batch {
			continue
		}
		slices.Reverse(out)
		if _, err := c.Write(bytes.Join(out, nil)); err != nil {
			return
		}
		out = out[:0]
	}
}

// Every run measures the same contacts, and half of them change.
func TestContacts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "contacts.csv")
	read := func(every int) [][]string {
		if err := writeContacts(file, 1000, every, csvHead, writeCSV); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	first, again, later := read(0), read(0), read(2)
	if len(first) != 1001 || !slices.EqualFunc(first, again, slices.Equal) {
		t.Errorf("%d rows; want 1001, the same each time", len(first))
	}
	surnames, changed := map[string]int{}, 0
	for i, row := range first[1:] {
		surnames[row[4]]++
		if !slices.Equal(row, later[i+1]) {
			changed++
		}
		if row[0] != later[i+1][0] {
			t.Errorf("contact %s is %s later", row[0], later[i+1][0])
		}
	}
	if n := surnames["Müller"]; n < 10 || n > 50 || len(surnames) < 300 {
		t.Errorf("%d surnames, Müller %d times among 1000; want it frequent and many rare", len(surnames), n)
	}
	if changed != 500 {
		t.Errorf("%d of 1000 contacts change; want 500", changed)
	}
}

func TestPartsOfNames(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		for _, s := range []string{"Karl-Heinz", "Müller Technik GmbH & Co. KG", "Öz"} {
			if got := []rune(inside(r, s, 4)); len(got) != min(4, len([]rune(firstWord(s)))) {
				t.Errorf("four letters inside %q: %q", s, string(got))
			}
		}
	}
	if got := begin("Özdemir", 2); got != "öz" {
		t.Errorf("begin of Özdemir: %q", got)
	}
	if got := lastDigits("+49 (0)30 123456-78", 5); got != "45678" {
		t.Errorf("last digits: %q", got)
	}
	if got := searchCases()[2].searches("", 1, 1)[0].Filter.String(); got != "(sn="+begin(contactAt(0, 0).surname, 4)+"*)" {
		t.Errorf("search for the only contact: %s", got)
	}
}
