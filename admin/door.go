package admin

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/dialtree/dialtree/admin/access"
)

// The name of the session's cookie. Behind TLS its prefix keeps other hosts of the domain from setting one (RFC 6265bis, section 4.1.3.2).
const (
	cookieName       = "dialtree_session"
	secureCookieName = "__Host-" + cookieName
)

// sessionCookie holds a session's secret. It ends with the browser; the server ends the session earlier.
func sessionCookie(tls bool, secret string) http.Cookie {
	name := cookieName
	if tls {
		name = secureCookieName
	}
	return http.Cookie{Name: name, Value: secret, Path: "/", Secure: tls, HttpOnly: true, SameSite: http.SameSiteStrictMode}
}

// identified notes in the context of a request where it comes from and who asks, by cookie or token. Nobody is an answer too: whoever
// serves decides what nobody may.
func (s *Server) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			address = netip.AddrPortFrom(netip.IPv4Unspecified(), 0) // whose secrets are not taken in the clear
		}
		client := access.Client{Address: address, Agent: r.UserAgent(), TLS: r.TLS != nil}
		ctx := access.WithClient(r.Context(), client)
		who, problem := s.identify(ctx, r)
		if note := noteOf(ctx); note != nil {
			note.who.Store(who)
		}
		if problem == nil {
			problem = foreign(r, who)
		}
		if problem != nil {
			if problem.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="dialtree"`)
			}
			writeProblem(w, problem)
			return
		}
		if who != nil {
			who.From = client.From()
			ctx = access.With(ctx, who)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// identify returns who comes with a token or a cookie; nil for nobody. A session that is over is nobody's; a token that is wrong is
// refused, for its program knows of no other way in.
func (s *Server) identify(ctx context.Context, r *http.Request) (*access.Identity, *Problem) {
	cookie, token := r.CookiesNamed(cookieNameOf(r)), bearer(r)
	if token == "" && len(cookie) == 0 {
		return nil, nil
	}
	if problem := s.takesSecrets(ctx); problem != nil {
		return nil, problem
	}
	if token != "" {
		who, err := access.ByToken(s.options.Store, token, s.options.Now())
		var expired *access.ExpiredError
		switch {
		case errors.Is(err, access.ErrNoToken), errors.As(err, &expired):
			return nil, newProblem(http.StatusUnauthorized, err.Error())
		case err != nil:
			return nil, s.problemOf(err)
		}
		return who, nil
	}
	for _, c := range cookie {
		who, err := s.sessions.ByCookie(ctx, c.Value)
		if err != nil {
			return nil, s.problemOf(err)
		}
		if who != nil {
			return who, nil
		}
	}
	return nil, nil
}

func cookieNameOf(r *http.Request) string {
	if r.TLS != nil {
		return secureCookieName
	}
	return cookieName
}

// bearer returns the token of a request (RFC 6750, section 2.1); empty for none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// takesSecrets refuses passwords, tokens and cookies that come in the clear from another machine, as those of devices are.
func (s *Server) takesSecrets(ctx context.Context) *Problem {
	client := access.ClientOf(ctx)
	if client.TLS || !client.Address.IsValid() || s.mayLogInClear(client.Address.Addr().Unmap().WithZone("")) {
		return nil
	}
	return newProblem(http.StatusForbidden, clearText)
}

// foreignSite refuses what somebody's browser was made to send.
const foreignSite = "this request was sent by a page of another site"

// foreign refuses what another site makes a browser send (RFC 9110 calls the methods that change something unsafe). With a cookie, which
// the browser sends by itself, the request must say that it is of this site; without one it is enough that it does not say otherwise.
func foreign(r *http.Request, who *access.Identity) *Problem {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	refused := newProblem(http.StatusForbidden, foreignSite)
	if http.NewCrossOriginProtection().Check(r) != nil {
		return refused
	}
	if who == nil || who.Door != access.DoorSession {
		return nil
	}
	// Check has compared the origin with the host already: it is enough that there is one.
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return nil
	case "":
		if r.Header.Get("Origin") != "" {
			return nil
		}
	}
	return refused
}
