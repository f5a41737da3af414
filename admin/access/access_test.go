package access

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/dialtree/dialtree/store"
)

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if problems, err := s.Check(context.Background()); err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, s *store.Store, c store.Changes) {
	t.Helper()
	if _, err := s.Apply(t.Context(), &c); err != nil {
		t.Fatal(err)
	}
}

func TestMay(t *testing.T) {
	person := func(r Role) *Identity { return &Identity{Scopes: r.Scopes()} }
	token := func(s ...Scope) *Identity { return &Identity{Scopes: s} }
	for _, tt := range []struct {
		name  string
		who   *Identity
		may   []Scope
		mayNo []Scope
	}{
		{"nobody", nil, []Scope{Public}, []Scope{SignedIn, Read, Admin, Device}},
		{"an administrator", person(RoleAdmin), []Scope{Public, SignedIn, Read, Contacts, Users, Run, Admin}, []Scope{Device}},
		{"an editor", person(RoleEditor), []Scope{SignedIn, Read, Contacts}, []Scope{Users, Run, Admin, Device}},
		{"a viewer", person(RoleViewer), []Scope{SignedIn, Read}, []Scope{Contacts, Users, Run, Admin, Device}},
		{"a role that there is not", person("root"), []Scope{Public, SignedIn}, []Scope{Read, Admin}},
		{"a token that runs", token(Run), []Scope{SignedIn, Run}, []Scope{Read, Admin}},
		{"a device", token(Device), []Scope{Public, Device}, []Scope{SignedIn, Read, Admin}},
	} {
		for _, s := range tt.may {
			if !tt.who.May(s) {
				t.Errorf("%s may not %s", tt.name, s)
			}
		}
		for _, s := range tt.mayNo {
			if tt.who.May(s) {
				t.Errorf("%s may %s", tt.name, s)
			}
		}
	}
}

func TestHasAdmin(t *testing.T) {
	ada := func(role string, password store.Secret, disabled bool) *store.Administrator {
		return &store.Administrator{Name: "ada", Role: role, Password: password, Disabled: disabled}
	}
	hash, kept := store.Literal("$argon2id$x"), store.Literal("[secret]")
	ref := store.ObjectRef{Kind: store.ObjectAdministrator, Name: "ada"}
	for _, tt := range []struct {
		name   string
		stored []store.Object
		put    []store.Object
		remove []store.ObjectRef
		want   bool
	}{
		{"nobody", nil, nil, nil, false},
		{"an administrator", []store.Object{ada("admin", hash, false)}, nil, nil, true},
		{"without a password", []store.Object{ada("admin", store.Secret{}, false)}, nil, nil, false},
		{"disabled", []store.Object{ada("admin", hash, true)}, nil, nil, false},
		{"a viewer", []store.Object{ada("viewer", hash, false)}, nil, nil, false},
		{"removed", []store.Object{ada("admin", hash, false)}, nil, []store.ObjectRef{ref}, false},
		{"keeps the password", []store.Object{ada("admin", hash, false)}, []store.Object{ada("admin", kept, false)}, nil, true},
		{"keeps none", []store.Object{ada("admin", store.Secret{}, false)}, []store.Object{ada("admin", store.Secret{}, false)}, nil, false},
		{"becomes a viewer", []store.Object{ada("admin", hash, false)}, []store.Object{ada("viewer", kept, false)}, nil, false},
		{"members", []store.Object{&store.Role{Name: "admin", Users: []string{"x"}}}, nil, nil, true},
		{"members of another role", []store.Object{&store.Role{Name: "editor", Users: []string{"x"}}}, nil, nil, false},
		{"no members any more", []store.Object{&store.Role{Name: "admin", Users: []string{"x"}}}, []store.Object{&store.Role{Name: "admin"}}, nil, false},
	} {
		s := openStore(t)
		put(t, s, store.Changes{PutObjects: tt.stored})
		if got, err := HasAdmin(s, tt.put, tt.remove); err != nil || got != tt.want {
			t.Errorf("%s: %v %v", tt.name, got, err)
		}
	}
}

func TestLinkLasts(t *testing.T) {
	var l Links
	now := time.Unix(1e9, 0)
	code, expires := l.New(LinkFor{Name: "ada"}, now)
	if !expires.Equal(now.Add(24 * time.Hour)) {
		t.Errorf("until %v", expires)
	}
	if _, _, ok := l.Take(code, expires); ok {
		t.Error("it holds when its time is over")
	}
	what, back, ok := l.Take(code, expires.Add(-time.Second))
	if what.Name != "ada" || !ok {
		t.Errorf("%+v %v", what, ok)
	}
	if _, _, ok := l.Take(code, now); ok {
		t.Error("it works twice at once")
	}
	back()
	if _, back, ok = l.Take(code, now); !ok {
		t.Error("it is lost although nothing was done with it")
	}
	other, _ := l.New(LinkFor{}, now)
	back()
	if _, _, ok := l.Take(code, now); ok {
		t.Error("a void one came back")
	}
	if _, _, ok := l.Take(other, now); !ok {
		t.Error("the new one is lost")
	}
}

// A session is noted as in use a tenth of the idle time behind at most, and a store at work is not waited for.
func TestSee(t *testing.T) {
	s := openStore(t)
	put(t, s, store.Changes{PutObjects: []store.Object{&store.Administrator{Name: "ada", Role: "admin", Password: store.Literal("$argon2id$x")}}})
	now := time.Unix(1e9, 0)
	sessions := &Sessions{Store: s, Idle: 30 * time.Minute, Limit: 12 * time.Hour, Now: func() time.Time { return now }}
	account, err := Administrator(s, "Ada")
	if err != nil {
		t.Fatal(err)
	}
	secret, session := sessions.New(account, Client{Agent: strings.Repeat("x", 1000)})
	put(t, s, store.Changes{PutSessions: []store.Session{session}})
	if len(session.Agent) != maxAgent || strings.Contains(session.ID, secret) || len(secret) != 32 {
		t.Errorf("%+v", session)
	}
	for _, tt := range []struct {
		after  time.Duration
		in     bool
		behind time.Duration
	}{
		{time.Minute, true, time.Minute}, {2 * time.Minute, true, 0}, {29 * time.Minute, true, 0},
		{30 * time.Minute, false, 30 * time.Minute},
	} {
		now = now.Add(tt.after)
		who, err := sessions.ByCookie(t.Context(), secret)
		if err != nil || (who != nil) != tt.in {
			t.Fatalf("after %v: %+v %v", tt.after, who, err)
		}
		if kept, err := s.Session(session.ID); err != nil || now.Sub(kept.Seen) != tt.behind {
			t.Errorf("after %v it was seen %v ago, %v", tt.after, now.Sub(kept.Seen), err)
		}
	}
	if who, err := sessions.ByCookie(t.Context(), "nonsense"); who != nil || err != nil {
		t.Errorf("%+v %v", who, err)
	}
}

// Whatever the clock is set to, no session outlives its time by more than clocks differ.
func TestSessionsWhenTheClockIsSet(t *testing.T) {
	begun := time.Unix(1e9, 0)
	for _, tt := range []struct {
		name string
		by   time.Duration
		over bool
	}{
		{"not", 0, false},
		{"by what two nodes may differ", -time.Minute, false},
		{"an hour back", -time.Hour, true},
		{"a year back", -365 * 24 * time.Hour, true},
		{"a minute ahead", time.Minute, false},
		{"an hour ahead", time.Hour, true},
		{"a year ahead", 365 * 24 * time.Hour, true},
	} {
		now := begun
		sessions := &Sessions{Idle: 30 * time.Minute, Limit: 12 * time.Hour, Now: func() time.Time { return now }}
		_, session := sessions.New(&Account{Name: "ada", Role: RoleAdmin}, Client{})
		now = now.Add(tt.by)
		if got := sessions.over(&session); got != tt.over {
			t.Errorf("%s: over is %t", tt.name, got)
		}
	}
}

func TestSuperfluous(t *testing.T) {
	s := openStore(t)
	now := time.Unix(1e9, 0)
	sessions := &Sessions{Store: s, Idle: time.Hour, Limit: 12 * time.Hour, Now: func() time.Time { return now }}
	ada, user := &Account{Name: "ada", Role: RoleAdmin}, &Account{Name: "ada", Directory: true, Role: RoleAdmin}
	begin := func(a *Account) string {
		_, session := sessions.New(a, Client{})
		put(t, s, store.Changes{PutSessions: []store.Session{session}})
		return session.ID
	}
	over := begin(user)
	now = now.Add(2 * time.Hour)
	begin(user)
	oldest := begin(ada)
	for range maxSessions - 1 {
		now = now.Add(time.Second)
		begin(ada)
	}
	ended, err := sessions.Superfluous(ada)
	if err != nil || len(ended) != 2 || ended[0] != over && ended[1] != over || ended[0] != oldest && ended[1] != oldest {
		t.Errorf("%v %v, want %s and %s", ended, err, over, oldest)
	}
}

// What NewToken makes splits into what it was made of, whatever the name.
func FuzzToken(f *testing.F) {
	for _, name := range []string{"reports", "a_b", "x.y-z_", "_"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		token, _ := NewToken(name)
		got, secret, ok := splitToken(token)
		if name != "" && (!ok || got != name || tokenPrefix+got+"_"+secret != token) {
			t.Errorf("%q: %q %q %v", token, got, secret, ok)
		}
		if split, secret, ok := splitToken(name); ok && tokenPrefix+split+"_"+secret != name {
			t.Errorf("%q: %q %q", name, split, secret)
		}
	})
}
