package store

import (
	"reflect"
	"testing"
	"time"
)

func sampleEntries() []Entry {
	stamp := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	full := owned(user("alice"), "staff", "k\x00ey")
	full.Auth = Auth{Method: AuthUpstream, Upstream: "corp", DN: "uid=alice,dc=example", Disabled: true, Hash: Literal("$argon2id$")}
	full.Local, full.LocalAuth = FieldSet(0).With(Phone, Groups), true
	full.Removed = stamp.Add(2 * time.Hour)
	full.Created, full.Modified, full.Seq = stamp, stamp.Add(time.Hour), 1<<40
	old := contact("Bob")
	old.Created = time.Unix(-5, 0).UTC()
	hidden := owned(contact("Carol"), "staff", "c")
	hidden.Removed = stamp
	enabled := full
	enabled.Auth.Disabled = false
	return []Entry{full, old, speedDial("*97"), {Kind: KindUser}, hidden, enabled}
}

func TestRecordRoundTrip(t *testing.T) {
	for _, e := range sampleEntries() {
		x := randomID(e.Kind)
		e.ID = x.String()
		record := appendRecord(nil, &e)
		got, err := decodeRecord(x, record)
		if len(e.Values) == 0 {
			e.Values = Values{}
		}
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Fatalf("got %+v, %v, want %+v", got, err, e)
		}
		if _, err := decodeRecord(x, append(record, 0)); err == nil {
			t.Error("a trailing byte was accepted")
		}
		for n := range record {
			if _, err := decodeRecord(x, record[:n]); err == nil {
				t.Fatalf("%d of %d bytes were accepted", n, len(record))
			}
		}
		if e.Kind != KindUser {
			continue
		}
		account, err := decodeAccount(x, record)
		login := e.Auth
		login.Disabled = login.Disabled || e.Hidden()
		if err != nil || account != (Account{ID: e.ID, Username: e.Values.First(Username), Auth: login, Seq: e.Seq}) {
			t.Fatalf("account %+v, %v", account, err)
		}
	}
}

// FuzzRecord: what decodes encodes to something that decodes to the same, and the head reads as an account.
func FuzzRecord(f *testing.F) {
	for _, e := range sampleEntries() {
		f.Add(appendRecord(nil, &e))
	}
	x := randomID(KindUser)
	f.Fuzz(func(t *testing.T, record []byte) {
		account, accountErr := decodeAccount(x, record)
		e, err := decodeRecord(x, record)
		if err != nil {
			return
		}
		login := e.Auth
		login.Disabled = login.Disabled || e.Hidden()
		if accountErr != nil || account.Username != e.Values.First(Username) || account.Auth != login || account.Seq != e.Seq {
			t.Fatalf("entry %+v, account %+v, %v", e, account, accountErr)
		}
		again, err := decodeRecord(x, appendRecord(nil, &e))
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%+v came back as %+v, %v", e, again, err)
		}
	})
}

func TestIDText(t *testing.T) {
	for _, k := range Kinds() {
		x := randomID(k)
		if got, ok := parseID(x.String()); !ok || got != x || got.kind() != k {
			t.Errorf("%s came back as %s, %v", x, got, ok)
		}
	}
	text := randomID(KindUser).String()
	for _, bad := range []string{"", text[:12], text + "0", "W" + text[1:], "zzzzzzzzzzzzz", "0000000000000", text[:12] + "1", text[:11] + "\n\n", "\n" + text[:12]} {
		if x, ok := parseID(bad); ok {
			t.Errorf("%q was taken for %s", bad, x)
		}
	}
}
