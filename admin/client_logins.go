package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A Login is a login that was tried lately. It is kept in memory: a restart forgets it.
type Login struct {
	At           time.Time `json:"at"`
	User         string    `json:"user" doc:"The user or device; as it was typed where there is none"`
	Address      string    `json:"address"`
	Method       string    `json:"method,omitempty" doc:"upstream, internal or device"`
	Upstream     string    `json:"upstream,omitempty"`
	Outcome      string    `json:"outcome" doc:"As in the metric dialtree_bind_total"`
	Detail       string    `json:"detail,omitempty" doc:"Why, for the administrator's eyes"`
	Milliseconds float64   `json:"milliseconds"`
}

// Logins returns the latest logins, the last one first; of one user when he is named.
func (c *Client) Logins(ctx context.Context, user string, limit int) ([]Login, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if user != "" {
		query.Set("user", user)
	}
	var out []Login
	return out, c.do(ctx, http.MethodGet, "/logins", query, nil, &out)
}

// Throttled are the users and addresses whose failed logins count.
type Throttled struct {
	Users     []ThrottledName `json:"users"`
	Addresses []ThrottledName `json:"addresses"`
}

// A ThrottledName is a user, a device, an address or a network.
type ThrottledName struct {
	Name     string     `json:"name"`
	Failures int        `json:"failures" doc:"Within the window"`
	Last     time.Time  `json:"last" doc:"The last failure"`
	Until    *time.Time `json:"until,omitempty" doc:"Until when logins are refused; absent: they are not"`
}

// Throttled returns whose failed logins count, those that are shut out first.
func (c *Client) Throttled(ctx context.Context) (*Throttled, error) {
	out := new(Throttled)
	return out, c.do(ctx, http.MethodGet, "/throttle", nil, nil, out)
}

// ResetThrottle forgets the failed logins of a user (kind "users") or an address ("addresses").
func (c *Client) ResetThrottle(ctx context.Context, kind, name string) error {
	return c.do(ctx, http.MethodDelete, "/throttle/"+kind+"/"+url.PathEscape(name), nil, nil, nil)
}

// An UpstreamTest is how the servers of an upstream answered.
type UpstreamTest struct {
	Servers []ServerTest `json:"servers"`
	Example string       `json:"example" doc:"The bind name that the login alice becomes"`
}

// A ServerTest is how one server answered.
type ServerTest struct {
	URL   string      `json:"url"`
	OK    bool        `json:"ok"`
	Steps []LoginStep `json:"steps" doc:"name resolution, connect, tls, ask; up to the one that failed"`
}

// TestUpstream connects to each server of an upstream that need not be stored. A secret that reads
// [secret] is the stored one's.
func (c *Client) TestUpstream(ctx context.Context, upstream Document) (*UpstreamTest, error) {
	out := new(UpstreamTest)
	return out, c.do(ctx, http.MethodPost, "/upstreams/test", nil, upstream, out)
}
