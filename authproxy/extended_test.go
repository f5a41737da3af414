package authproxy_test

import (
	"testing"

	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

const oidPasswordModify = "1.3.6.1.4.1.4203.1.11.1"

func TestPasswordModify(t *testing.T) {
	t.Parallel()
	change := func(identity, old, new string) []byte {
		p := ldapwire.PasswordModify{OldPassword: []byte(old), NewPassword: []byte(new)}
		if identity != "" {
			p.UserIdentity = []byte(identity)
		}
		return ldapwire.AppendPasswordModify(nil, &p)
	}
	for _, tt := range []struct {
		name               string
		bindName, password string
		value              []byte
		want               ldapwire.ResultCode
	}{
		{"own", "inge", "inge's own", change("", "inge's own", "a new password"), 0},
		{"own, by DN", "inge", "inge's own", change("uid=inge,ou=users,dc=dialtree", "inge's own", "a new password"), 0},
		{"own, by name", "inge", "inge's own", change("INGE", "inge's own", "a new password"), 0},
		{"of somebody else", "inge", "inge's own", change("alice", "inge's own", "a new password"), ldapwire.InsufficientAccessRights},
		{"wrong old password", "inge", "inge's own", change("", "inge's", "a new password"), ldapwire.InvalidCredentials},
		{"no old password", "inge", "inge's own", change("", "", "a new password"), ldapwire.UnwillingToPerform},
		{"too short", "inge", "inge's own", change("", "inge's own", "short"), ldapwire.ConstraintViolation},
		{"kept upstream", "alice", "right", change("", "right", "a new password"), ldapwire.UnwillingToPerform},
		{"device", "reception", "phone-secret", change("", "phone-secret", "a new password"), ldapwire.StrongerAuthRequired},
		{"anonymous", "", "", change("inge", "inge's own", "a new password"), ldapwire.StrongerAuthRequired},
		{"malformed", "inge", "inge's own", []byte{0x30, 0x05, 0x80}, ldapwire.ProtocolError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			c := b.dial()
			if code := c.bind(tt.bindName, tt.password); code != 0 {
				t.Fatal(code)
			}
			if code := c.extended(oidPasswordModify, tt.value).Result.Code; code != tt.want {
				t.Errorf("%v, want %v", code, tt.want)
			}
			old, changed := ldapwire.ResultCode(0), ldapwire.InvalidCredentials
			if tt.want == 0 {
				old, changed = changed, old
			}
			if code := b.dial().bind("inge", "inge's own"); code != old {
				t.Errorf("the old password afterwards: %v, want %v", code, old)
			}
			if code := b.dial().bind("inge", "a new password"); code != changed {
				t.Errorf("the new password afterwards: %v, want %v", code, changed)
			}
		})
	}
}

func TestPasswordModifyMakesAPassword(t *testing.T) {
	b := newBench(t, nil)
	c := b.dial()
	c.bind("inge", "inge's own")
	m := c.extended(oidPasswordModify, ldapwire.AppendPasswordModify(nil, &ldapwire.PasswordModify{OldPassword: []byte("inge's own")}))
	if m.Result.Code != 0 || len(m.ResponseValue) < 4+20 {
		t.Fatalf("%v, value %x", m.Result.Code, m.ResponseValue)
	}
	if code := b.dial().bind("inge", string(m.ResponseValue[4:])); code != 0 {
		t.Errorf("the password that was made: %v", code)
	}
	user, err := b.store.User("inge")
	if err != nil {
		t.Fatal(err)
	}
	if !user.LocalAuth {
		t.Error("a sync may overwrite the password: LocalAuth is not set")
	}
}

func TestUnknownExtendedOperation(t *testing.T) {
	b := newBench(t, nil)
	if code := b.dial().extended("1.2.3.4", nil).Result.Code; code != ldapwire.ProtocolError {
		t.Errorf("%v, want protocolError", code)
	}
}

func TestWritesAreRefusedWithASentence(t *testing.T) {
	b := newBench(t, nil)
	c := b.dial()
	m := c.send(func(id int32) []byte { return ldapwire.AppendDelRequest(nil, id, "uid=alice,ou=users,dc=dialtree") })
	if m.Result.Code != ldapwire.UnwillingToPerform || len(m.Result.Message) == 0 || m.Op != ldapwire.OpDelResponse {
		t.Errorf("%#x %v %q", byte(m.Op), m.Result.Code, m.Result.Message)
	}
}

func TestCriticalControls(t *testing.T) {
	b := newBench(t, nil)
	for _, tt := range []struct {
		name    string
		control ldapwire.Control
		want    ldapwire.ResultCode
	}{
		{"unknown, critical", ldapwire.Control{OID: []byte("1.2.3"), Critical: true}, ldapwire.UnavailableCriticalExtension},
		{"without a name, critical", ldapwire.Control{Critical: true}, ldapwire.UnavailableCriticalExtension},
		{"unknown", ldapwire.Control{OID: []byte("1.2.3")}, 0},
		{"password policy, critical", ldapwire.Control{OID: []byte("1.3.6.1.4.1.42.2.27.8.5.1"), Critical: true}, 0},
	} {
		c := b.dial()
		m := c.send(func(id int32) []byte {
			return ldapwire.AppendBindRequest(nil, id, 3, "alice", []byte("right"), tt.control)
		})
		if m.Result.Code != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, m.Result.Code, tt.want)
		}
	}
	if n := b.directory.count(); n != 2 {
		t.Errorf("the directory was asked %d times: a refused control must not be forwarded", n)
	}
}

func TestReads(t *testing.T) {
	b := newBench(t, nil)
	b.apply(&store.Changes{
		PutObjects: []store.Object{
			&store.Phonebook{Name: "open", Readers: []string{"everyone"}},
			&store.Phonebook{Name: "staff"},
			&store.Phonebook{Name: "boss", Title: "The boss's", Readers: []string{"user:inge"}},
		},
	})
	contact := func(book, name string) string {
		e := store.Entry{Kind: store.KindContact, Phonebook: book, Values: store.Values{{Field: store.DisplayName, Text: name}, {Field: store.Phone, Text: "+49 30 1"}}}
		applied, err := b.store.Apply(t.Context(), &store.Changes{Put: []store.Entry{e}})
		if err != nil {
			t.Fatal(err)
		}
		return "uid=" + applied.IDs[0] + ",ou=" + book + ",ou=phonebook,dc=dialtree"
	}
	open, staff, boss := contact("open", "Acme"), contact("staff", "Beta"), contact("boss", "Gamma")
	alice, inge, device := [2]string{"alice", "right"}, [2]string{"inge", "inge's own"}, [2]string{"reception", "phone-secret"}
	anonymous := [2]string{}
	for _, tt := range []struct {
		name string
		who  [2]string
		dn   string
		want ldapwire.ResultCode
	}{
		{"own entry", alice, "uid=alice,ou=users,dc=dialtree", 0},
		{"own entry, other spelling", alice, "UID=Alice, OU=users, DC=dialtree", 0},
		{"a colleague's", alice, "uid=inge,ou=users,dc=dialtree", 0},
		{"a user, by a device", device, "uid=inge,ou=users,dc=dialtree", 0},
		{"a user, anonymous", anonymous, "uid=inge,ou=users,dc=dialtree", 32},
		{"base", alice, "dc=dialtree", 0},
		{"container", alice, "ou=phonebook,dc=dialtree", 0},
		{"base, anonymous", anonymous, "dc=dialtree", 32},
		{"outside", alice, "dc=elsewhere", 32},
		{"nobody", alice, "uid=mallory,ou=users,dc=dialtree", 32},
		{"no DN", alice, "what is this", ldapwire.InvalidDNSyntax},
		{"own device", device, "cn=reception,ou=devices,dc=dialtree", 0},
		{"a device, by a user", alice, "cn=reception,ou=devices,dc=dialtree", 32},
		{"everyone's contact, without a bind from anywhere", anonymous, open, 32},
		{"everyone's contact", alice, open, 0},
		{"contact for those who bind", device, staff, 0},
		{"contact of one reader", inge, boss, 0},
		{"contact of another reader", alice, boss, 32},
		{"phonebook of another reader", alice, "ou=boss,ou=phonebook,dc=dialtree", 32},
		{"phonebook", inge, "ou=boss,ou=phonebook,dc=dialtree", 0},
		{"contact under another phonebook's name", inge, "uid=" + boss[4:17] + ",ou=open,ou=phonebook,dc=dialtree", 32},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := b.dial()
			if code := c.bind(tt.who[0], tt.who[1]); code != 0 {
				t.Fatal(code)
			}
			m, code := c.search(tt.dn, "(objectClass=*)")
			if code != tt.want || (m != nil) != (tt.want == 0) {
				t.Fatalf("%v, entry %v; want %v", code, m, tt.want)
			}
		})
	}
}

func TestAttributes(t *testing.T) {
	b := newBench(t, nil)
	b.change("alice", func(e *store.Entry) {
		e.Values = append(e.Values, store.Value{Field: store.Phone, Text: "30001"}, store.Value{Field: store.Email, Text: "a@example.com"}, store.Value{Field: store.Email, Text: "b@example.com"})
	})
	b.caughtUp()
	c := b.dial()
	c.bind("alice", "right")
	dn := "uid=alice,ou=users,dc=dialtree"
	for _, tt := range []struct {
		name string
		ask  []string
		want map[string]int // attribute to number of values; -1: absent
	}{
		{"all", nil, map[string]int{"cn": 1, "sn": 1, "uid": 1, "mail": 2, "telephoneNumber": 1, "objectClass": 4, "entryUUID": -1, "userPassword": -1}},
		{"alias, canonical answer", []string{"gn", "RFC822MAILBOX"}, map[string]int{"mail": 2, "cn": -1}},
		{"OID", []string{"2.5.4.20"}, map[string]int{"telephoneNumber": 1, "cn": -1}},
		{"operational", []string{"+"}, map[string]int{"entryUUID": 1, "createTimestamp": 1, "modifyTimestamp": 1, "structuralObjectClass": 1, "cn": -1}},
		{"operational by name", []string{"entryUUID"}, map[string]int{"entryUUID": 1, "createTimestamp": -1}},
		{"none", []string{"1.1"}, map[string]int{"cn": -1, "objectClass": -1}},
		{"both", []string{"*", "+"}, map[string]int{"cn": 1, "entryUUID": 1}},
		{"a password there is not", []string{"userPassword"}, map[string]int{"userPassword": -1}},
	} {
		m, code := c.search(dn, "(objectClass=*)", tt.ask...)
		if code != 0 || m == nil {
			t.Fatalf("%s: %v", tt.name, code)
		}
		for name, n := range tt.want {
			got := len(attribute(m, name))
			if n < 0 && got != 0 || n >= 0 && got != n {
				t.Errorf("%s: %s has %d values, want %d", tt.name, name, got, n)
			}
		}
	}
}

func TestBaseFilters(t *testing.T) {
	b := newBench(t, nil)
	c := b.dial()
	c.bind("alice", "right")
	for filter, found := range map[string]bool{
		"(objectClass=*)": true, "(objectClass=INETORGPERSON)": true, "(uid=ALICE)": true, "(cn=al*)": true, "(cn=*ic*)": true,
		"(cn=*x*)": false, "(mail=*)": false, "(!(mail=*))": true, "(unknown=*)": false, "(!(unknown=*))": false,
		"(|(unknown=x)(uid=alice))": true, "(&(unknown=x)(uid=alice))": false, "(&)": true, "(|)": false, "(cn>=al)": true, "(cn<=al)": false,
	} {
		m, code := c.search("uid=alice,ou=users,dc=dialtree", filter)
		if code != 0 || (m != nil) != found {
			t.Errorf("%s: %v, found %t, want %t", filter, code, m != nil, found)
		}
	}
}

func TestRootDSE(t *testing.T) {
	b := newBench(t, nil)
	m, code := b.dial().search("", "(objectClass=*)", "+", "*")
	if code != 0 || m == nil {
		t.Fatal(code)
	}
	for name, want := range map[string]string{
		"namingContexts": "dc=dialtree", "supportedLDAPVersion": "3", "supportedExtension": "1.3.6.1.4.1.4203.1.11.3", "vendorName": "Dialtree",
	} {
		found := false
		for _, v := range attribute(m, name) {
			found = found || v == want
		}
		if !found {
			t.Errorf("%s lacks %q: %q", name, want, attribute(m, name))
		}
	}
	for _, oid := range attribute(m, "supportedExtension") {
		if oid == "1.3.6.1.4.1.1466.20037" {
			t.Error("StartTLS is listed, but there is no certificate")
		}
	}
	if len(attribute(m, "supportedSASLMechanisms")) > 0 {
		t.Error("SASL PLAIN is listed in clear")
	}
}
