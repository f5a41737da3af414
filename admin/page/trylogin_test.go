package page

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/dialtree/dialtree/admin"
)

func TestTestLogin(t *testing.T) {
	found := admin.LoginStep{Name: "store", OK: true, Detail: `user "alice", entry u1`}
	bind := func(detail string) []admin.LoginStep {
		return []admin.LoginStep{found, {Name: "bind", Detail: "dc1: " + detail, Duration: 15e6}, {Name: "result", Detail: "refused"}}
	}
	b := start(t, nil)
	for _, tt := range []struct {
		name  string
		test  admin.LoginTest
		wants []string
	}{
		{"accepted", admin.LoginTest{Outcome: "accepted", Steps: []admin.LoginStep{found, {Name: "bind", OK: true, Detail: "dc1", Duration: 15e6}}}, []string{"The login works", "15 ms", "Ask the directory", `href="/users/alice"`}},
		{"wrong", admin.LoginTest{Outcome: "refused", Steps: bind("AD 52e, wrong name or password")}, []string{"Wrong password", "The directory refused", "49 invalidCredentials"}},
		{"wrong here", admin.LoginTest{Outcome: "refused", Steps: []admin.LoginStep{found, {Name: "password", Detail: "wrong password"}}}, []string{"Wrong password", "kept here"}},
		{"empty", admin.LoginTest{Outcome: "refused", ResultCode: 53, Reason: "empty_password", Steps: []admin.LoginStep{{Name: "password", Detail: "it is empty"}}}, []string{"The password is empty"}},
		{"unknown", admin.LoginTest{Outcome: "unknown_user", Steps: []admin.LoginStep{{Name: "store", Detail: "no user"}}}, []string{"Unknown here", `href="/users?q=alice"`}},
		{"disabled", admin.LoginTest{Outcome: "disabled", Steps: []admin.LoginStep{found, {Name: "method", Detail: "the user is disabled"}}}, []string{"The user may not log in", `href="/users/alice"`}},
		{"away", admin.LoginTest{Outcome: "unavailable", ResultCode: 52, Steps: bind("connection refused")}, []string{"Nobody could find out", "nothing about the password"}},
		{"busy", admin.LoginTest{Outcome: "busy", Steps: bind("full")}, []string{"Too busy"}},
		{"throttled", admin.LoginTest{Outcome: "throttled"}, []string{"Kept out after too many failures"}},
		{"remembered", admin.LoginTest{Outcome: "remembered"}, []string{"Refused from memory"}},
		{"kept out but right", admin.LoginTest{Outcome: "accepted", Steps: []admin.LoginStep{found, {Name: "throttle", Detail: "too many"}}}, []string{"The login works", "Phones are kept out of this account"}},
		{"must change", admin.LoginTest{Outcome: "refused", Reason: "ad_773", Steps: bind("AD 773, must change password")}, []string{"must be changed first", "The password is right"}},
		{"expired", admin.LoginTest{Outcome: "refused", Reason: "ad_532", Steps: bind("AD 532, password expired")}, []string{"The password has expired"}},
		{"disabled there", admin.LoginTest{Outcome: "refused", Reason: "ad_533", Steps: bind("AD 533, account disabled")}, []string{"Disabled in the directory"}},
		{"ended", admin.LoginTest{Outcome: "refused", Reason: "ad_701", Steps: bind("AD 701, account expired")}, []string{"The account has ended"}},
		{"hours", admin.LoginTest{Outcome: "refused", Reason: "ad_530", Steps: bind("AD 530, logon hours")}, []string{"Not at this time"}},
		{"workstation", admin.LoginTest{Outcome: "refused", Reason: "ad_531", Steps: bind("AD 531, workstation")}, []string{"Not from here"}},
		{"unknown there", admin.LoginTest{Outcome: "refused", Reason: "ad_525", Steps: bind("AD 525, user not found")}, []string{"knows no such person"}},
		{"locked in AD", admin.LoginTest{Outcome: "refused", Reason: "ad_775", Steps: bind("AD 775, locked out")}, []string{"Locked in the directory"}},
		{"locked elsewhere", admin.LoginTest{Outcome: "refused", Reason: "locked", Steps: bind("the account is locked, or breaks another rule of the directory")}, []string{"Locked in the directory"}},
		{"expired elsewhere", admin.LoginTest{Outcome: "refused", Reason: "password_expired"}, []string{"The password has expired"}},
		{"must change elsewhere", admin.LoginTest{Outcome: "refused", Reason: "password_must_change"}, []string{"must be changed first"}},
		{"a text that is no reason", admin.LoginTest{Outcome: "refused", Steps: bind("AD 773, said a user of that name")}, []string{"Wrong password"}},
		{"template that leads nowhere", admin.LoginTest{Outcome: "refused", Reason: "no_such_entry", Steps: bind("no such entry: check the bind_dn template")}, []string{"leads nowhere"}},
		{"name that cannot be sent", admin.LoginTest{Outcome: "refused", Reason: "bad_name", Steps: []admin.LoginStep{found, {Name: "name", Detail: "it has an @"}}}, []string{"This name cannot be sent"}},
		{"an outcome that is new", admin.LoginTest{Outcome: "<new>", Steps: []admin.LoginStep{{Name: "<step>", Detail: "<detail>"}}}, []string{"&lt;new&gt;", "&lt;step&gt;", "&lt;detail&gt;"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.test.Login = "alice"
			if tt.test.ResultCode == 0 && tt.test.Outcome == "refused" {
				tt.test.ResultCode, tt.test.ResultName = 49, "invalidCredentials"
			}
			b.answers, b.asked, b.lang = map[string]any{"POST /auth/test": tt.test}, nil, "en"
			w := b.post(t, "/authentication/test", url.Values{"login": {" alice "}, "password": {"s3cret pw"}})
			wants(t, w, http.StatusOK, append(tt.wants, "counts in the directory", `value="alice"`)...)
			if strings.Contains(w.Body.String(), "s3cret") {
				t.Error("the password comes back")
			}
			if b.asked[0].Body != `{"login":"alice","password":"s3cret pw"}` {
				t.Error(b.asked[0].Body)
			}
			b.lang = "de"
			wants(t, b.post(t, "/authentication/test", url.Values{"login": {"alice"}}), http.StatusOK, "zählt im Verzeichnis")
		})
	}
}

func TestTestLoginForm(t *testing.T) {
	b := start(t, nil)
	wants(t, b.get(t, "/authentication/test?user=%3Cb%3E"), http.StatusOK, `value="&lt;b&gt;"`, "counts in the directory", "What you will see")
	b.answers = map[string]any{"POST /auth/test": &admin.Problem{Status: 422, Detail: "the name is <too> long"}}
	wants(t, b.post(t, "/authentication/test", url.Values{"login": {"x"}, "password": {"s3cret"}}), 422, "the name is &lt;too&gt; long")
}

func TestEveryOutcomeIsExplained(t *testing.T) {
	for _, o := range outcomes() {
		if v := verdictOf(&admin.LoginTest{Outcome: o.name}); v.Title == "" || v.What == "" || v.Next == "" {
			t.Errorf("%s: %+v", o.name, v)
		}
	}
}
