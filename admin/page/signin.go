package page

import (
	"errors"
	"net/http"

	"github.com/dialtree/dialtree/admin"
)

// doneTexts say what was just done, on the page that a form leads to.
var doneTexts = map[string]text{
	"saved":        text("Saved."),
	"created":      text("Created."),
	"deleted":      text("Deleted."),
	"cancelled":    text("The run is cancelled, unless it was done already. How it ends is said here."),
	"password":     text("The password was changed. Other sessions of yours were ended."),
	"givenback":    text("The next import decides about it again."),
	"signedout":    text("You are signed out."),
	"sessionended": text("The session was ended."),
	"passwordset":  text("The password was set."),
	"reset":        text("The failed logins are forgotten: the next one is let through."),
}

// What the page itself has against a form.
const (
	passwordsDiffer = text("The two passwords differ: type the same one twice.")
	dateNeeded      = text("Choose the day on which it ends.")
)

func (p *Page) signInRoutes() {
	p.open("GET /sign-in", func(r *request) error {
		if r.who != nil {
			return r.redirect(localPath(r.FormValue("to")), "")
		}
		return r.show("signin", text("Sign in"), signInForm{To: localPath(r.FormValue("to"))})
	})
	p.open("POST /sign-in", (*request).signIn)
	p.open("GET /first", func(r *request) error {
		return r.show("first", text("Welcome"), firstForm{Code: r.FormValue("code")})
	})
	p.open("POST /first", (*request).firstSignIn)
	p.handle("POST /sign-out", func(r *request) error {
		if err := r.page.api.SignOut(r.Context()); err != nil {
			return err
		}
		for _, c := range r.Cookies() {
			if c.Name != "language" && c.Name != "theme" {
				http.SetCookie(r.w, &http.Cookie{Name: c.Name, Path: "/", MaxAge: -1, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
			}
		}
		return r.redirect("/sign-in", "signedout")
	})
}

type signInForm struct {
	To, Login string
	Problem   *admin.Problem
}

func (r *request) signIn() error {
	form := signInForm{To: localPath(r.PostFormValue("to")), Login: r.PostFormValue("login")}
	done, err := r.page.api.SignIn(r.Context(), admin.SignIn{Login: form.Login, Password: r.PostFormValue("password")})
	if errors.As(err, &form.Problem) {
		r.render(form.Problem.Status, "signin", text("Sign in"), form)
		return nil
	}
	return r.begin(done, err, form.To)
}

// begin hands the cookie of a session to the browser.
func (r *request) begin(done *admin.SignedIn, err error, to string) error {
	if err != nil {
		return err
	}
	if done.Cookie != nil {
		http.SetCookie(r.w, done.Cookie)
	}
	return r.redirect(to, "")
}

type firstForm struct {
	Code, Name string
	Problem    *admin.Problem
}

func (r *request) firstSignIn() error {
	form := firstForm{Code: r.PostFormValue("code"), Name: r.PostFormValue("name")}
	if r.PostFormValue("password") != r.PostFormValue("again") {
		form.Problem = &admin.Problem{Status: http.StatusUnprocessableEntity, Detail: string(passwordsDiffer)}
		r.render(form.Problem.Status, "first", text("Welcome"), form)
		return nil
	}
	done, err := r.page.api.FirstSignIn(r.Context(), admin.FirstSignIn{Code: form.Code, Name: form.Name, Password: r.PostFormValue("password")})
	if errors.As(err, &form.Problem) {
		r.render(form.Problem.Status, "first", text("Welcome"), form)
		return nil
	}
	return r.begin(done, err, "/")
}
