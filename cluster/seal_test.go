package cluster

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cluster.key")
	k, err := MakeKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadKey(path); err != nil || got != k {
		t.Errorf("read: %v, equal %v", err, got == k)
	}
	if _, err := MakeKey(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("readable by others: %v", err)
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	k := NewKey(65)
	text, _ := json.Marshal(struct{ K Key }{k})
	all := fmt.Sprintf("%v %+v %#v %s %x %d %q", k, k, k, k, k, k, &k) + string(text)
	if strings.Contains(all, "65") || strings.Contains(all, "41") || strings.Contains(all, "AAA") {
		t.Error(all)
	}
	if k.derive("a") == k.derive("b") || k.derive("a") == k.secret {
		t.Error("what is derived is not apart")
	}
}

func TestSealIsBoundToItsPlace(t *testing.T) {
	s := newSealer(NewKey(1), sealContent, "one")
	sealed := s.seal(nil, "here", []byte("text"))
	for name, open := range map[string]func() ([]byte, error){
		"another place":   func() ([]byte, error) { return s.open("there", sealed) },
		"another cluster": func() ([]byte, error) { return newSealer(NewKey(1), sealContent, "two").open("here", sealed) },
		"another purpose": func() ([]byte, error) { return newSealer(NewKey(1), sealCaution, "one").open("here", sealed) },
		"another key":     func() ([]byte, error) { return newSealer(NewKey(2), sealContent, "one").open("here", sealed) },
		"damage":          func() ([]byte, error) { return s.open("here", append(sealed[:len(sealed)-1:len(sealed)-1], 0)) },
		"nothing":         func() ([]byte, error) { return s.open("here", nil) },
	} {
		if got, err := open(); !errors.Is(err, errSeal) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := s.open("here", sealed); err != nil || string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
}

// The chain holds fast what comes before a change, its content, and each line of its header that a reader believes.
func TestChainHoldsFast(t *testing.T) {
	c, sum := chainer{NewKey(1).derive("chain"), "one"}, sumOfNothing()
	r := record{Index: 7, Schema: 5, Node: "a", Kind: "k", Plain: 9, Draft: newDraftID(), Parts: 3}
	seen := map[link]string{}
	add := func(what string, l link) {
		if other, ok := seen[l]; ok {
			t.Errorf("%s and %s have the same chain", what, other)
		}
		seen[l] = what
	}
	add("the change", c.next(link{}, &r, sum))
	add("another change before it", c.next(link{1}, &r, sum))
	add("another content", c.next(link{}, &r, make([]byte, len(sum))))
	add("another cluster", chainer{c.key, "two"}.next(link{}, &r, sum))
	add("another key", chainer{NewKey(2).derive("chain"), "one"}.next(link{}, &r, sum))
	add("a snapshot", c.mac("snapshot", link{}, &r, sum))
	for what, other := range map[string]func(*record){
		"another index":           func(r *record) { r.Index++ },
		"another schema":          func(r *record) { r.Schema++ },
		"another node":            func(r *record) { r.Node = "b" },
		"another kind":            func(r *record) { r.Kind = "" },
		"another length":          func(r *record) { r.Plain++ },
		"another draft":           func(r *record) { r.Draft = newDraftID() },
		"other parts":             func(r *record) { r.Parts++ },
		"the node's name in kind": func(r *record) { r.Kind, r.Node = "ka", "" },
	} {
		changed := r
		other(&changed)
		add(what, c.next(link{}, &changed, sum))
	}
}

// packed returns what a packer makes of a text.
func packed(t testing.TB, y *packery, text []byte) (pieces [][]byte, sum []byte) {
	p, err := y.packer(func(_ int, piece []byte) error { pieces = append(pieces, piece); return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer y.free(p)
	for len(text) > 0 { // as a store writes: a little at a time
		n := min(len(text), 100)
		if _, err := p.Write(text[:n]); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	if err := p.finish(); err != nil {
		t.Fatal(err)
	}
	return pieces, p.sum.Sum(nil)
}

func unpacked(t testing.TB, y *packery, plain int64, pieces [][]byte, check func([]byte) bool) ([]byte, error) {
	u, err := y.unpacker(plain, func() ([]byte, error) {
		if len(pieces) == 0 {
			return nil, io.EOF
		}
		piece := pieces[0]
		pieces = pieces[1:]
		return piece, nil
	}, check)
	if err != nil {
		t.Fatal(err)
	}
	defer u.free()
	return io.ReadAll(u)
}

// A change has as many pieces as a record may name, and not one more.
func TestTooMuch(t *testing.T) {
	y := NewPackery()
	text := make([]byte, maxParts*y.part)
	rand.Read(text) // does not compress
	for _, c := range []struct {
		bytes int
		want  error
	}{{len(text) - 100*y.part, nil}, {len(text), errTooMuch}} { // a frame takes a little more than what is in it
		parts := 0
		p, err := y.packer(func(int, []byte) error { parts++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Write(text[:c.bytes])
		if err = errors.Join(err, p.finish()); !errors.Is(err, c.want) || c.want == nil && err != nil || parts > maxParts {
			t.Errorf("%d bytes became %d parts: %v", c.bytes, parts, err)
		}
		y.free(p)
	}
}

// FuzzPack: what was packed comes back the same, and not a byte of the end of it where the sum is not the right one or the length another.
func FuzzPack(f *testing.F) {
	f.Add([]byte{}, 1)
	f.Add([]byte("text"), 300)
	f.Add(bytes.Repeat([]byte("0123456789abcdef"), 20_000), 60)
	f.Fuzz(func(t *testing.T, text []byte, times int) {
		text = bytes.Repeat(text, 1+times&63)
		y := NewPackery()
		pieces, sum := packed(t, y, text)
		got, err := unpacked(t, y, int64(len(text)), pieces, func(s []byte) bool { return bytes.Equal(s, sum) })
		if err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%d bytes became %d: %v", len(text), len(got), err)
		}
		if got, err := unpacked(t, y, int64(len(text)), pieces, func([]byte) bool { return false }); err != errUnverified || len(got) == len(text) && len(text) > 0 {
			t.Fatalf("%d bytes with another sum: %d, %v", len(text), len(got), err)
		}
		if got, err := unpacked(t, y, int64(len(text))+1, pieces, func([]byte) bool { return true }); err != errUnverified {
			t.Fatalf("%d bytes too few: %d, %v", len(text), len(got), err)
		}
		if len(text) > 0 {
			if got, err := unpacked(t, y, int64(len(text))-1, pieces, func([]byte) bool { return true }); err != errUnverified || len(got) >= len(text) {
				t.Fatalf("%d bytes too many: %d, %v", len(text), len(got), err)
			}
		}
	})
}

// FuzzRecord: what parses is written back so that it parses the same.
func FuzzRecord(f *testing.F) {
	f.Add((&record{Index: 1, Node: "a", Draft: newDraftID(), inline: []byte("x\ny")}).value())
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := parseRecord(value)
		if err != nil {
			return
		}
		again, err := parseRecord(r.value())
		if err != nil {
			if len(r.value()) > maxHeader {
				return
			}
			t.Fatal(err)
		}
		if !bytes.Equal(again.value(), r.value()) || !bytes.Equal(again.bound(), r.bound()) || !bytes.Equal(again.inline, r.inline) {
			t.Fatalf("%+v and %+v", r, again)
		}
	})
}

// FuzzKey: what parses is written back the same.
func FuzzKey(f *testing.F) {
	f.Add(NewKey(3).fileText())
	f.Add("# x")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseKey(text)
		if err != nil {
			return
		}
		if again, err := parseKey(k.fileText()); err != nil || again != k {
			t.Fatal(err)
		}
	})
}
