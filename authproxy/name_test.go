package authproxy

import "testing"

func TestParseBindName(t *testing.T) {
	n, err := newNames("dc=example,dc=com")
	if err != nil {
		t.Fatal(err)
	}
	user := func(logins ...string) bindName {
		b := bindName{userOnly: true}
		copy(b.logins[:], logins)
		return b
	}
	bare := func(device string, logins ...string) bindName {
		b := bindName{device: device}
		copy(b.logins[:], logins)
		return b
	}
	for _, tt := range []struct {
		name string
		in   string
		want bindName
	}{
		{"bare", "alice", bare("alice", "alice")},
		{"entry's DN", "uid=alice,ou=users,dc=example,dc=com", user("alice")},
		{"DN in other case", "UID=Alice,OU=Users,DC=Example,DC=com", user("Alice")},
		{"DN with blanks", "uid=alice, ou=users, dc=example, dc=com", user("alice")},
		{"DN by OID", "0.9.2342.19200300.100.1.1=alice,ou=users,dc=example,dc=com", user("alice")},
		{"DN as PBXs build it", "cn=alice,ou=users,dc=example,dc=com", user("alice")},
		{"DN as Windows clients build it", "sAMAccountName=alice,ou=users,dc=example,dc=com", user("alice")},
		{"DN with an escaped comma", `uid=a\,b,ou=users,dc=example,dc=com`, user("a,b")},
		{"DN with hex escapes", `uid=\61lice,ou=users,dc=example,dc=com`, user("alice")},
		{"UPN", "alice@example.com", bare("alice@example.com", "alice@example.com", "alice")},
		{"two @", "al@ice@example.com", bare("al@ice@example.com", "al@ice@example.com", "al@ice")},
		{"NetBIOS", `EXAMPLE\alice`, bare(`EXAMPLE\alice`, `EXAMPLE\alice`, "alice")},
		{"device's DN", "cn=reception,ou=devices,dc=example,dc=com", bindName{device: "reception", deviceOnly: true}},
		{"uid of a device is nobody's", "uid=reception,ou=devices,dc=example,dc=com", bare("uid=reception,ou=devices,dc=example,dc=com", "uid=reception,ou=devices,dc=example,dc=com")},
		{"DN elsewhere", "uid=alice,ou=users,dc=other", bare("uid=alice,ou=users,dc=other", "uid=alice,ou=users,dc=other")},
		{"DN below a user", "cn=x,uid=alice,ou=users,dc=example,dc=com", bare("cn=x,uid=alice,ou=users,dc=example,dc=com", "cn=x,uid=alice,ou=users,dc=example,dc=com")},
		{"two pairs in the RDN", "uid=alice+cn=x,ou=users,dc=example,dc=com", bare("uid=alice+cn=x,ou=users,dc=example,dc=com", "uid=alice+cn=x,ou=users,dc=example,dc=com")},
		{"a login with =", "a=b", bare("a=b", "a=b")},
		{"nothing before the @", "@example.com", bare("@example.com", "@example.com")},
		{"nothing after the backslash", `EXAMPLE\`, bare(`EXAMPLE\`, `EXAMPLE\`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := n.parse(tt.in); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestTheCommonDNIsReadWithoutAllocating(t *testing.T) {
	n, err := newNames("dc=example,dc=com")
	if err != nil {
		t.Fatal(err)
	}
	if allocs := testing.AllocsPerRun(100, func() { n.parse("uid=alice,ou=users,dc=example,dc=com") }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// What the quick way reads, the parser reads too.
func FuzzParseBindName(f *testing.F) {
	f.Add("uid=alice,ou=users,dc=example,dc=com")
	f.Add(`uid=a\2cb,ou=users,dc=example,dc=com`)
	f.Add("cn=reception,ou=devices,dc=example,dc=com")
	f.Add("uid= alice ,ou=users,dc=example,dc=com")
	f.Add("uid=#616c696365,ou=users,dc=example,dc=com")
	f.Add("uid=\xe9616,ou=users,dc=example,dc=com")
	n, err := newNames("dc=example,dc=com")
	if err != nil {
		f.Fatal(err)
	}
	slow := *n
	slow.users, slow.devices = "\x00", "\x00" // nothing ends like this: every DN takes the parser's way
	f.Fuzz(func(t *testing.T, name string) {
		if quick, parsed := n.parse(name), slow.parse(name); quick != parsed {
			t.Errorf("%q: %+v, but parsed %+v", name, quick, parsed)
		}
	})
}
