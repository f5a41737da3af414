package authproxy_test

import (
	"testing"
	"time"

	"github.com/dialtree/dialtree/authproxy"
	"github.com/dialtree/dialtree/authproxy/ldapserver"
	"github.com/dialtree/dialtree/authproxy/ldapwire"
	"github.com/dialtree/dialtree/store"
)

// cached is a bench whose upstream's right passwords are good for an hour without asking, and while the directory is away.
func cached(t *testing.T) *bench {
	return newBench(t, func(_ *authproxy.Options, u *store.Upstream) {
		u.Cache.Success, u.Cache.Offline = store.Duration(time.Hour), store.Duration(time.Hour)
	})
}

// expect binds and compares the result.
func (b *bench) expect(why, name, password string, want ldapwire.ResultCode) {
	b.t.Helper()
	if code := b.dial().bind(name, password); code != want {
		b.t.Errorf("%s: %s: %v, want %v", why, name, code, want)
	}
}

func forwarded(name string) store.Entry {
	return user(name, store.Auth{Method: store.AuthUpstream, Upstream: "corp"})
}

// What one account's password opened opens no other.
func TestARememberedPasswordIsOfOneAccount(t *testing.T) {
	b := cached(t)
	b.directory.set(func(d *directory) { d.passwords["uid=otto"+people] = "his own" })
	b.expect("her own", "alice", "right", ldapwire.Success)
	b.expect("his own", "otto", "his own", ldapwire.Success)
	b.expect("hers", "otto", "right", ldapwire.InvalidCredentials)
	b.expect("his", "alice", "his own", ldapwire.InvalidCredentials)
	b.directory.stop()
	b.expect("hers, while the directory is away", "otto", "right", ldapwire.InvalidCredentials)
	b.expect("her own, while it is away", "alice", "right", ldapwire.Success)
	b.expect("a new one, while it is away", "alice", "another", ldapwire.Unavailable)
}

// A name that is given to somebody else is asked about again, whatever worked for the one before.
func TestARememberedPasswordIsOfOnePerson(t *testing.T) {
	t.Parallel()
	t.Run("removed and made again", func(t *testing.T) {
		b := cached(t)
		b.expect("the first", "alice", "right", ldapwire.Success)
		e, err := b.store.User("alice")
		if err != nil {
			t.Fatal(err)
		}
		b.apply(&store.Changes{Remove: []store.Ref{e.Ref()}})
		b.expect("removed", "alice", "right", ldapwire.InvalidCredentials)
		b.directory.set(func(d *directory) { d.passwords["uid=alice"+people] = "the second's" })
		b.apply(&store.Changes{Put: []store.Entry{forwarded("alice")}})
		b.expect("the second, with the first one's", "alice", "right", ldapwire.InvalidCredentials)
		b.expect("the second", "alice", "the second's", ldapwire.Success)
	})
	t.Run("renamed", func(t *testing.T) {
		b := cached(t)
		b.expect("the first", "alice", "right", ldapwire.Success)
		b.change("alice", func(e *store.Entry) {
			e.Values = store.Values{{Field: store.Username, Text: "alicia"}, {Field: store.DisplayName, Text: "Alicia"}}
		})
		b.expect("her old name", "alice", "right", ldapwire.InvalidCredentials)
		b.expect("her new name, which the directory does not know", "alicia", "right", ldapwire.InvalidCredentials)
		b.directory.set(func(d *directory) { d.passwords["uid=alice"+people] = "another's" })
		b.apply(&store.Changes{Put: []store.Entry{forwarded("alice")}})
		b.expect("who has her name now", "alice", "right", ldapwire.InvalidCredentials)
	})
	t.Run("disabled", func(t *testing.T) {
		b := cached(t)
		b.expect("enabled", "alice", "right", ldapwire.Success)
		b.change("alice", func(e *store.Entry) { e.Auth.Disabled = true })
		b.directory.stop()
		b.expect("disabled, while the directory is away", "alice", "right", ldapwire.InvalidCredentials)
	})
}

// What one directory said holds for no other, in either way.
func TestARememberedPasswordIsOfOneDirectory(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(u *store.Upstream, other string){
		"another server":  func(u *store.Upstream, other string) { u.URLs = []string{"ldap://" + other} },
		"another bind DN": func(u *store.Upstream, _ string) { u.BindDN = "uid=%,ou=others,dc=example,dc=com" },
	} {
		t.Run(name, func(t *testing.T) {
			b := cached(t)
			second := &directory{passwords: map[string]string{"uid=alice" + people: "wrong before"}}
			second.address, second.stop = serveLDAP(t, ldapserver.Options{Handler: second}, false)
			b.directory.set(func(d *directory) { d.passwords["uid=alice,ou=others,dc=example,dc=com"] = "wrong before" })
			b.expect("of the first", "alice", "right", ldapwire.Success)
			b.expect("of the second", "alice", "wrong before", ldapwire.InvalidCredentials)
			o, err := b.store.Upstream("corp")
			if err != nil {
				t.Fatal(err)
			}
			change(o, second.address)
			b.apply(&store.Changes{PutObjects: []store.Object{o}})
			b.expect("of the first, at the second", "alice", "right", ldapwire.InvalidCredentials)
			b.expect("of the second, at the second", "alice", "wrong before", ldapwire.Success)
		})
	}
	t.Run("another timeout is none", func(t *testing.T) {
		b := cached(t)
		b.expect("before", "alice", "right", ldapwire.Success)
		o, err := b.store.Upstream("corp")
		if err != nil {
			t.Fatal(err)
		}
		o.MaxConnections = 3
		b.apply(&store.Changes{PutObjects: []store.Object{o}})
		asked := b.directory.count()
		b.expect("after", "alice", "right", ldapwire.Success)
		if n := b.directory.count(); n != asked {
			t.Error("the directory was asked again")
		}
	})
}
