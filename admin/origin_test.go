package admin_test

import (
	"fmt"
	"testing"

	"github.com/dialtree/dialtree/admin"
)

func TestOrigin(t *testing.T) {
	b := start(t)
	listWorld(t, b)
	if _, err := b.client.Put(t.Context(), "user", "bob", admin.Document(`{"displayname":"Robert","phone":["1"]}`), admin.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	from := func(o *admin.Origin) string {
		text := fmt.Sprintf("%s %s %t %t", o.Connector, o.Key, o.LocalAuth, o.Removed != nil)
		for _, v := range o.Values {
			text += fmt.Sprintf(" %s:%v:%s", v.Field, v.Values, v.From)
		}
		return text
	}
	for _, tc := range []struct {
		name, user string
		fields     []string // given back before
		status     int
		want       string // from, or of the problem
	}{
		{"made by a connector and changed by hand", "bob", nil, 0, "staff bob true false username:[bob]:connector displayname:[Robert]:hand phone:[1]:hand"},
		{"an unknown field", "bob", []string{"phones"}, 422, `"phones" is no field of a user`},
		{"one field given back", "bob", []string{"phone"}, 0, "staff bob true false username:[bob]:connector displayname:[Robert]:hand phone:[1]:connector"},
		{"the login method given back", "bob", []string{"auth", "username"}, 0, "staff bob false false username:[bob]:connector displayname:[Robert]:hand phone:[1]:connector"},
		{"everything given back", "bob", []string{}, 0, "staff bob false false username:[bob]:connector displayname:[Robert]:connector phone:[1]:connector"},
		{"hidden", "carl", nil, 0, "staff carl false true username:[carl]:connector displayname:[CARL]:connector"},
		{"made by hand", "dora", nil, 0, "  false false username:[dora]:hand displayname:[Dora]:hand"},
		{"made by hand, given back", "dora", []string{}, 409, "made by hand"},
		{"nobody", "nobody", []string{}, 404, "does not exist"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.fields != nil {
				err := b.client.GiveBack(t.Context(), "user", tc.user, tc.fields)
				if tc.status != 0 {
					if !problemIs(err, tc.status, tc.want) {
						t.Errorf("%v, want %d %s", err, tc.status, tc.want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			o, err := b.client.Origin(t.Context(), "user", tc.user)
			if err != nil || from(o) != tc.want || o.DN != "uid="+o.ID || o.Created.IsZero() {
				t.Errorf("%s %+v, %v\nwant %s", from(o), o, err, tc.want)
			}
		})
	}
}

func TestBulk(t *testing.T) {
	b := start(t)
	listWorld(t, b)
	yes, no := true, false
	upstream := &admin.NewAuth{Method: "upstream", Upstream: "corp"}
	for _, tc := range []struct {
		name   string
		bulk   admin.Bulk
		want   string
		status int
		then   string // who is checked by corp then
	}{
		{"nothing to change", admin.Bulk{Users: []string{"alice"}}, "auth: is missing", 422, ""},
		{"no such upstream", admin.Bulk{Users: []string{"alice"}, Auth: &admin.NewAuth{Method: "upstream", Upstream: "none"}}, "auth.upstream: upstream none does not exist", 422, ""},
		{"no such method", admin.Bulk{Users: []string{"alice"}, Auth: &admin.NewAuth{Method: "ldap"}}, "auth.method", 422, ""},
		{"a dry run", admin.Bulk{Users: []string{"dora"}, Auth: upstream, DryRun: true}, "1 0 []", 0, "alice"},
		{"some of many", admin.Bulk{Users: []string{"ALICE", "bob", "BOB", "dora", "carl", "nobody"}, Auth: upstream},
			"2 1 [{carl is no longer in the source of connector staff, which keeps the user hidden} {nobody there is no user of this name}]", 0, "alice bob dora"},
		{"disabled ones stay so", admin.Bulk{Users: []string{"dora"}, Disabled: &yes}, "0 1 []", 0, "alice bob dora"},
		{"enabled", admin.Bulk{Users: []string{"dora"}, Disabled: &no}, "1 0 []", 0, "alice bob dora"},
		{"nobody", admin.Bulk{Disabled: &no, Users: []string{}}, "0 0 []", 0, "alice bob dora"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			result, err := b.client.ChangeUsers(t.Context(), tc.bulk)
			if tc.status != 0 {
				if !problemIs(err, tc.status, tc.want) {
					t.Errorf("%v, want %d %s", err, tc.status, tc.want)
				}
				return
			}
			if got := fmt.Sprint(result.Changed, result.Unchanged, result.Skipped); err != nil || got != tc.want {
				t.Errorf("%s, %v\nwant %s", got, err, tc.want)
			}
			list, err := b.client.List(t.Context(), "user", admin.ListOptions{Upstream: "corp"})
			if err != nil || called(t, list) != tc.then {
				t.Errorf("checked by corp: %s, %v; want %s", called(t, list), err, tc.then)
			}
		})
	}
}
