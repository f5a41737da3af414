package page

import (
	"net/http"
	"strings"

	"github.com/dialtree/dialtree/admin"
)

// loginTestData is the page that tries a login. It never holds the password.
type loginTestData struct {
	Login    string
	Problem  *admin.Problem
	Test     *admin.LoginTest // nil before
	Verdict  verdict
	Steps    []testStep
	Held     bool // phones are kept out just now
	UserPath string
}

// Telling says what a phone makes of the result; empty for one that is rare.
func (d loginTestData) Telling() text { return tellings[d.Test.ResultCode] }

// A testStep is a step of a login with its title.
type testStep struct {
	admin.LoginStep
	Title text
}

// Milliseconds is how long the step took.
func (s testStep) Milliseconds() float64 { return milliseconds(s.LoginStep) }

func milliseconds(s admin.LoginStep) float64 { return s.Duration.Seconds() * 1000 }

// stepTitles say what a step of a login or of a connection is, by its name.
var stepTitles = map[string]text{
	"store":    text("Look the name up here"),
	"method":   text("Who checks the password"),
	"throttle": text("Are phones kept out just now?"),
	"name":     text("Make the name for the directory"),
	"upstream": text("Find the directory"),
	"resolve":  text("Find the server's address"),
	"connect":  text("Connect to the server"),
	"tls":      text("Encrypt the connection"),
	"ask":      text("Ask the server what it is"),
	"search":   text("Search for the person"),
	"bind":     text("Ask the directory"),
	"password": text("Check the password here"),
	"result":   text("Answer the phone"),
}

// stepTitle is what people call a step; one that is new reads as it is called.
func stepTitle(name string) text {
	if t, ok := stepTitles[name]; ok {
		return t
	}
	return text(name)
}

func stepsOf(steps []admin.LoginStep) []testStep {
	var out []testStep
	for _, s := range steps {
		out = append(out, testStep{s, stepTitle(s.Name)})
	}
	return out
}

func (r *request) testLogin() error {
	d := loginTestData{Login: strings.TrimSpace(r.PostFormValue("login"))}
	test, err := r.page.api.TestLogin(r.Context(), d.Login, r.PostFormValue("password"))
	if err != nil {
		problem, ok := problemOf(err)
		if !ok {
			return err
		}
		d.Problem = problem
		r.render(problem.Status, "login-test", text("Test a login"), d)
		return nil
	}
	d.Test, d.Verdict, d.Steps = test, verdictOf(test), stepsOf(test.Steps)
	for _, s := range test.Steps {
		d.Held = d.Held || s.Name == "throttle" && !s.OK
	}
	if name := knownUser(test); name != "" {
		d.UserPath = userPath(name)
	}
	r.render(http.StatusOK, "login-test", text("Test a login"), d)
	return nil
}

// knownUser returns the login name of the user that a login was found to be of.
func knownUser(test *admin.LoginTest) string {
	if test.Outcome == "unknown_user" {
		return ""
	}
	for _, s := range test.Steps {
		if rest, ok := strings.CutPrefix(s.Detail, `user "`); ok && s.Name == "store" {
			name, _, _ := strings.Cut(rest, `"`)
			return name
		}
	}
	return ""
}
