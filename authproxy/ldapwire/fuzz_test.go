package ldapwire_test

import (
	"bytes"
	"reflect"
	"runtime"
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
)

// allocationBound is what Decode may allocate for a message of n bytes. An
// empty string takes two bytes on the wire and 24 in memory, an empty filter
// two and FilterSize, of which there are at most 1024 beside the outermost.
// Growing chunks can double what is used while they are small.
func allocationBound(n int) int {
	return 16*n + 2*ldapwire.FilterSize*min(n/2, 128) + ldapwire.FilterSize*min(n/2, 1024)
}

// allocated is how many bytes f allocates.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

func addMessages(f *testing.F) {
	f.Helper()
	for _, s := range samples() {
		f.Add(s.bytes)
	}
	for _, p := range phoneSearches(f) {
		f.Add(p.bytes)
	}
	for _, h := range hostileMessages() {
		f.Add(h.bytes[:min(len(h.bytes), 2000)])
	}
	// A trailing [APPLICATION 1] in an extensible match, which go-ldap takes for the rule.
	f.Add(unhex(f, "3023 020101 631e 0400 0a0100 0a0100 020100 020100 010100 a909 820161 830162 410163 3000"))
	// A bind whose authentication is [0], but constructed.
	f.Add(unhex(f, "300e 020101 6009 020103 0400 a002 4100"))
	f.Add(unhex(f, "3084 00000010 020101 6084 00000007 020103 0400 8000"))
	f.Add(unhex(f, "3013 020101 6007 020103 0400 8000 8a00 9f810101aa"))
	// What a hostile client sends: a critical control without a name, lengths of eight octets, one of minus two, of
	// half of everything, and of a message in itself.
	f.Add(unhex(f, "3013 020101 4200 a00b 3009 0400 0101ff 0402 00ff"))
	f.Add(unhex(f, "30 8800000000000000 1c 02 8800000000000000 01 01 60 8800000000000000 07 020103 0400 8000"))
	f.Add(unhex(f, "300c 020101 60 88fffffffffffffffe 020103"))
	f.Add(unhex(f, "3011 020101 63 887fffffffffffffff 0400 0a0100"))
	f.Add(unhex(f, "3013 020101 600e 020103 0400 8007 3005 020101 4200"))
}

// FuzzDecode holds that no input makes Decode panic or allocate more than
// allocationBound, and that what it accepts has the same meaning after Append.
func FuzzDecode(f *testing.F) {
	addMessages(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var m ldapwire.Message
		var err error
		// The fuzzing machinery allocates beside; a few KiB of it do not matter.
		const slack = 16 << 10
		if got, bound := allocated(func() { err = m.Decode(b, nil) }), allocationBound(len(b))+slack; got > bound {
			t.Errorf("%d bytes allocated for a message of %d, want at most %d", got, len(b), bound)
		}
		if err != nil {
			return
		}
		if size, err := ldapwire.Size(b, len(b)); err != nil || size != len(b) {
			t.Errorf("Size is %d, %v, of a message of %d bytes", size, err, len(b))
		}
		encoded := m.Append(nil)
		if len(encoded) > len(b) {
			t.Errorf("encoded again it is longer: %d bytes, were %d", len(encoded), len(b))
		}
		var again ldapwire.Message
		if err := again.Decode(encoded, nil); err != nil {
			t.Fatalf("encoded again it is %x: %v", encoded, err)
		}
		if !reflect.DeepEqual(m.Exported(), again.Exported()) {
			t.Errorf("got\n%+v, then\n%+v", m.Exported(), again.Exported())
		}
		if twice := again.Append(nil); !bytes.Equal(encoded, twice) {
			t.Errorf("encoded twice it is %x, once it was %x", twice, encoded)
		}
	})
}

// FuzzFilterText holds that what ParseFilter accepts it also accepts as String
// prints it, and that Decode accepts it with the default limits.
func FuzzFilterText(f *testing.F) {
	for _, c := range filterTexts {
		f.Add(c.text)
	}
	for _, c := range badFilterTexts {
		f.Add(c.text)
	}
	for _, p := range phoneSearches(f) {
		f.Add(p.Filter)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := ldapwire.ParseFilter(text)
		if err != nil {
			return
		}
		printed := filter.String()
		again, err := ldapwire.ParseFilter(printed)
		if err != nil {
			t.Fatalf("printed as %q: %v", printed, err)
		}
		if !reflect.DeepEqual(filter, again) {
			t.Errorf("got\n%+v, then\n%+v", filter, again)
		}
		b := ldapwire.AppendSearchRequest(nil, 1, &ldapwire.SearchRequest{Filter: filter})
		var m ldapwire.Message
		if err := m.Decode(b, nil); err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		if !reflect.DeepEqual(filter, m.Search.Filter) {
			t.Errorf("got\n%+v, decoded\n%+v", filter, m.Search.Filter)
		}
		agreeOnFilterText(t, text, &filter)
	})
}

// FuzzDN holds that a DN as String prints it is the DN that was parsed, and
// that a value of any octets survives EscapeDNValue.
func FuzzDN(f *testing.F) {
	for _, c := range dnTexts {
		f.Add(c.text)
	}
	for _, c := range badDNTexts {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		escaped := "cn=" + ldapwire.EscapeDNValue(text)
		if len(escaped) < 16<<10 {
			dn, err := ldapwire.ParseDN(escaped)
			if err != nil {
				t.Fatalf("escaped as %q: %v", escaped, err)
			}
			if want := (ldapwire.DN{{{Type: "cn", Value: text}}}); !reflect.DeepEqual(dn, want) {
				t.Errorf("escaped as %q it is %q, want %q", escaped, dn, want)
			}
		}
		dn, err := ldapwire.ParseDN(text)
		if err != nil {
			return
		}
		printed := dn.String()
		again, err := ldapwire.ParseDN(printed)
		if err != nil && len(printed) <= 16<<10 {
			t.Fatalf("printed as %q: %v", printed, err)
		}
		if err == nil && (!reflect.DeepEqual(dn, again) || !dn.Equal(again)) {
			t.Errorf("got\n%+v, then\n%+v", dn, again)
		}
		if !dn.Equal(dn) {
			t.Errorf("%+v is not equal to itself", dn)
		}
	})
}
