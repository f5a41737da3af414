package ldapwire_test

import (
	"bytes"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

func TestPasswordModify(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   ldapwire.PasswordModify
	}{
		{"nothing", ldapwire.PasswordModify{}},
		{"all", ldapwire.PasswordModify{UserIdentity: []byte("uid=a"), OldPassword: []byte("old"), NewPassword: []byte("new")}},
		{"empty is not absent", ldapwire.PasswordModify{OldPassword: []byte{}}},
		{"long", ldapwire.PasswordModify{NewPassword: bytes.Repeat([]byte("x"), 300)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire := ldapwire.AppendPasswordModify(nil, &tt.in)
			var got ldapwire.PasswordModify
			if err := got.Decode(wire); err != nil {
				t.Fatal(err)
			}
			for i, pair := range [][2][]byte{{got.UserIdentity, tt.in.UserIdentity}, {got.OldPassword, tt.in.OldPassword}, {got.NewPassword, tt.in.NewPassword}} {
				if !bytes.Equal(pair[0], pair[1]) || (pair[0] == nil) != (pair[1] == nil) {
					t.Errorf("part %d: got %q (nil %t), want %q (nil %t)", i, pair[0], pair[0] == nil, pair[1], pair[1] == nil)
				}
			}
			for n := 1; n < len(wire); n++ {
				if err := got.Decode(wire[:n]); err == nil {
					t.Errorf("the first %d of %d octets were accepted", n, len(wire))
				}
			}
		})
	}
}

func FuzzPasswordModify(f *testing.F) {
	f.Add([]byte{0x30, 0x00})
	f.Add([]byte{0x30, 0x06, 0x80, 0x01, 'a', 0x82, 0x01, 'b'})
	f.Add([]byte{0x30, 0x84, 0, 0, 0, 3, 0x81, 0x01, 'o'})
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, again ldapwire.PasswordModify
		if p.Decode(b) != nil {
			return
		}
		if err := again.Decode(ldapwire.AppendPasswordModify(nil, &p)); err != nil {
			t.Fatalf("%x decodes, but not when it is encoded again: %v", b, err)
		}
		if !bytes.Equal(p.UserIdentity, again.UserIdentity) || !bytes.Equal(p.OldPassword, again.OldPassword) || !bytes.Equal(p.NewPassword, again.NewPassword) {
			t.Fatalf("%x: %+v became %+v", b, p, again)
		}
	})
}

func TestAppendGeneratedPassword(t *testing.T) {
	if got, want := ldapwire.AppendGeneratedPassword([]byte("x"), "abc"), []byte("x\x30\x05\x80\x03abc"); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}
