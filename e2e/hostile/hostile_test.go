package hostile

import (
	"bytes"
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/dialtree/dialtree/e2e/fixture"
)

var subject = &Subject{
	Base: "dc=example", Name: "uid=alice,dc=example", Password: "right-alice", Other: "uid=bob,dc=example",
	Cheap: "cn=phone,dc=example", CheapPassword: "right-phone",
}

func TestCasesAreTheSameEachTime(t *testing.T) {
	make := func() []Case {
		return slices.Concat(Cases(subject), Mutations(subject, 7, 500), Unfinished(subject), OnTLS(subject))
	}
	one, two := make(), make()
	names := map[string]int{}
	for i := range one {
		if one[i].String() != two[i].String() || !slices.EqualFunc(one[i].Parts, two[i].Parts, bytes.Equal) {
			t.Fatalf("case %d is %q, and then %q", i, one[i].String(), two[i].String())
		}
		if names[one[i].String()]++; names[one[i].String()] > 1 {
			t.Errorf("two cases are called %q", one[i].String())
		}
	}
	for _, class := range Classes(one) {
		n := 0
		for i := range one {
			if one[i].Class == class {
				n++
			}
		}
		t.Logf("%s: %d", class, n)
		if n < 30 {
			t.Errorf("%s: only %d cases", class, n)
		}
	}
}

func TestGoodMessagesAreWrittenAsTheyWereRead(t *testing.T) {
	for _, r := range subject.requests() {
		if got := parse(r.bytes).bytes(nil); !bytes.Equal(got, r.bytes) {
			t.Errorf("%s: % x was written as % x", r.name, r.bytes, got)
		}
	}
}

func TestNested(t *testing.T) {
	want := []byte{0xa0, 4, 0xa0, 2, 0x87, 0}
	if got := nested(0xa0, 2, []byte{0x87, 0}); !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
	deep := nested(0x30, 1000, nil)
	for n := range 1000 {
		tag, content, rest, err := fixture.Cut(deep)
		if err != nil || tag != 0x30 || len(rest) > 0 {
			t.Fatalf("element %d is wrong: %#x, %v", n, tag, err)
		}
		deep = content
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64][]byte{0: {2, 1, 0}, 127: {2, 1, 127}, 128: {2, 2, 0, 128}, -1: {2, 1, 0xff}, -129: {2, 2, 0xff, 0x7f}, 1<<31 - 1: {2, 4, 0x7f, 0xff, 0xff, 0xff}, 1 << 31: {2, 5, 0, 0x80, 0, 0, 0}} {
		if got := integer(n); !bytes.Equal(got, want) {
			t.Errorf("%d: % x, want % x", n, got, want)
		}
	}
}

func TestLegalBinds(t *testing.T) {
	for _, c := range []struct {
		name string
		sent []byte
		may  bool
		dear int
	}{
		{"right", message(1, simpleBind(3, subject.Name, subject.Password)), true, 1},
		{"right, cheap", message(1, simpleBind(3, subject.Cheap, subject.CheapPassword)), true, 0},
		{"anonymous", message(1, simpleBind(3, "", "")), true, 0},
		{"wrong", message(1, simpleBind(3, subject.Name, "wrong")), false, 0},
		{"no password", message(1, simpleBind(3, subject.Name, "")), false, 0},
		{"right, behind another", append(message(1, rootDSE()), message(1, simpleBind(3, subject.Name, subject.Password))...), true, 1},
		{"cut off", message(1, simpleBind(3, subject.Name, subject.Password))[:20], false, 0},
	} {
		if may, dear := subject.legal(c.sent); may != c.may || dear != c.dear {
			t.Errorf("%s: %t, %d; want %t, %d", c.name, may, dear, c.may, c.dear)
		}
	}
}

// The judge is judged: servers that do one thing, and what is to be said of it.
func TestJudgement(t *testing.T) {
	result := func(id int64, tag byte, code int64, text string) []byte {
		return message(id, tlv(tag, enumerated(code), octets(""), octets(text)))
	}
	notice := message(0, tlv(tagExtendedDone, enumerated(2), octets(""), octets(""), tagged(tagResponseName, oidNotice)))
	wrong := message(id, simpleBind(3, subject.Name, "wrong"))
	for _, c := range []struct {
		name   string
		answer []byte
		close  bool
		want   Want
		sent   []byte
		tally  Tally
	}{
		{"a notice", notice, true, Notice, wrong, Tally{Notices: 1}},
		{"a notice and no end", notice, false, Notice, wrong, Tally{Notices: 1, Odd: Faults{Count: 1}}},
		{"a word after the notice", slices.Concat(notice, result(id, tagBindResponse, 49, "")), true, Notice, wrong, Tally{Notices: 1, Harm: Faults{Count: 1}}},
		{"silence", nil, false, Any, wrong, Tally{Silences: 1}},
		{"silence where an answer is due", nil, false, Answer, wrong, Tally{Silences: 1, Odd: Faults{Count: 1}}},
		{"the end", nil, true, TheEnd, wrong, Tally{Closes: 1}},
		{"the end without a word", nil, true, Any, wrong, Tally{Closes: 1, Odd: Faults{Count: 1}}},
		{"a refusal", result(id, tagBindResponse, 49, ""), false, Result, wrong, Tally{Results: 1}},
		{"a wrong password accepted", result(id, tagBindResponse, 0, ""), false, Result, wrong, Tally{Results: 1, Harm: Faults{Count: 1}}},
		{"an answer that is none", []byte("HTTP/1.1 200 OK\r\n\r\n"), true, Any, wrong, Tally{Harm: Faults{Count: 1}}},
		{"escape sequences", result(id, tagBindResponse, 49, "\x1b[2J"), false, Any, wrong, Tally{Harm: Faults{Count: 1}}},
		{"a secret", result(id, tagBindResponse, 49, "classified"), false, Any, wrong, Tally{Results: 1, Harm: Faults{Count: 1}}},
		{"an entry for nobody", slices.Concat(message(id, tlv(tagSearchEntry, octets("uid=bob"), tlv(tagSequence))), result(id, tagSearchDone, 0, "")), false, Any, message(id, rootDSE()), Tally{Results: 1, Harm: Faults{Count: 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := &Target{Address: serve(t, c.answer, c.close), Subject: subject, Private: []string{"classified"}, Closed: true,
				Patience: 200 * time.Millisecond, Wait: 50 * time.Millisecond, Parallel: 1}
			got := target.Drive(context.Background(), Plain, []Case{one("class", "name", c.sent, c.want)})
			if got.Notices != c.tally.Notices || got.Results != c.tally.Results || got.Closes != c.tally.Closes || got.Silences != c.tally.Silences ||
				got.Odd.Count != c.tally.Odd.Count || got.Harm.Count != c.tally.Harm.Count {
				t.Errorf("got %v\n%v\n%v\nwant %v", got, got.Odd.First, got.Harm.First, &c.tally)
			}
		})
	}
}

// serve answers every connection in one way.
func serve(t *testing.T, answer []byte, end bool) string {
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
				b := make([]byte, 1024)
				if _, err := c.Read(b); err != nil {
					return
				}
				_, _ = c.Write(answer)
				if end {
					return
				}
				_, _ = c.Read(b)
			}()
		}
	}()
	return l.Addr().String()
}
