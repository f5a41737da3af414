package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A Refusal is something that was refused: a login, a request, a connection. One record stands for all like ones of some seconds.
type Refusal struct {
	N       uint64    `json:"n"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Count   int       `json:"count"`
	Door    string    `json:"door" doc:"ldap, ldaps, page, api or socket"`
	Name    string    `json:"name,omitempty" doc:"What the client sent as a name"`
	From    string    `json:"from,omitempty"`
	Outcome string    `json:"outcome" doc:"The class: as in the metric dialtree_refusals_total"`
	Code    int       `json:"code,omitempty" doc:"Of the answer: LDAP's or HTTP's"`
	Reason  string    `json:"reason,omitempty"`
	Others  bool      `json:"others,omitempty" doc:"It counts refusals that were too many to be told apart"`
}

// RefusalOptions select refusals.
type RefusalOptions struct {
	User    string // in the name
	Address string // or network
	Outcome string
	Door    string
	Since   time.Time
	After   uint64 // only what came before this one: the n of the last of the page before
	Limit   int    // 0: 100; at most 1000
}

func (o *RefusalOptions) query() url.Values {
	values := map[string]string{"user": o.User, "address": o.Address, "outcome": o.Outcome, "door": o.Door}
	if !o.Since.IsZero() {
		values["since"] = o.Since.UTC().Format(time.RFC3339Nano)
	}
	return given(values)
}

// Refusals returns what was refused, the last first.
func (c *Client) Refusals(ctx context.Context, o RefusalOptions) ([]Refusal, error) {
	query := o.query()
	if o.After > 0 {
		query.Set("after", strconv.FormatUint(o.After, 10))
	}
	if o.Limit > 0 {
		query.Set("limit", strconv.Itoa(o.Limit))
	}
	var out []Refusal
	return out, c.do(ctx, http.MethodGet, "/audit/refusals", query, nil, &out)
}

// RefusalsFile returns what was refused as a file: csv or json, a record a line.
func (c *Client) RefusalsFile(ctx context.Context, o RefusalOptions, format string) (*Download, error) {
	query := o.query()
	query.Set("format", format)
	return c.download(ctx, "/audit/refusals/file", query)
}

// Live is what happens just now.
type Live struct {
	N       uint64    `json:"n" doc:"Ask again with this as since"`
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds" doc:"The time that binds, searches, outcomes and upstreams are counted over"`
	Uptime  float64   `json:"uptime_seconds"`

	Binds            Rate               `json:"binds"`
	Outcomes         map[string]float64 `json:"outcomes" doc:"Logins by how they ended, as in dialtree_bind_total"`
	Searches         Rate               `json:"searches"`
	Connections      int                `json:"connections"`
	Upstreams        []LiveUpstream     `json:"upstreams" doc:"The slowest first"`
	Throttled        LiveThrottled      `json:"throttled"`
	RefusedNames     []LiveCount        `json:"refused_names" doc:"Of the last minute, the most first"`
	RefusedAddresses []LiveCount        `json:"refused_addresses" doc:"Of the last minute, the most first"`
	Runs             []LiveRun          `json:"runs"`
	Memory           LiveMemory         `json:"memory"`
}

// A Rate is how much of something there was, and how long it took.
type Rate struct {
	Count     float64 `json:"count"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_milliseconds"`
	P99       float64 `json:"p99_milliseconds"`
}

// A LiveUpstream is an upstream just now.
type LiveUpstream struct {
	Name    string       `json:"name"`
	Binds   Rate         `json:"binds"`
	Servers []LiveServer `json:"servers"`
	Idle    int          `json:"idle" doc:"Connections that are open and not used"`
	Busy    int          `json:"busy" doc:"Connections in use, or being made"`
}

// A LiveServer is a server of an upstream.
type LiveServer struct {
	Server string `json:"server"`
	Up     bool   `json:"up"`
}

// LiveThrottled are those that are shut out now.
type LiveThrottled struct {
	UserCount    int             `json:"user_count"`
	Users        []ThrottledName `json:"users"`
	AddressCount int             `json:"address_count"`
	Addresses    []ThrottledName `json:"addresses"`
}

// A LiveCount is a name or an address with how often it was refused.
type LiveCount struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// A LiveRun is a run that is under way.
type LiveRun struct {
	Connector string    `json:"connector"`
	By        string    `json:"by"`
	Started   time.Time `json:"started"`
	Phase     string    `json:"phase"`
	Done      int       `json:"done"`
	Total     int       `json:"total"`
}

// LiveMemory is what the process holds.
type LiveMemory struct {
	Resident    int64 `json:"resident_bytes"`
	Heap        int64 `json:"heap_bytes"`
	Goroutines  int   `json:"goroutines"`
	Descriptors int   `json:"descriptors"`
}

// Live returns what happened after an earlier answer; 0: since the server started.
func (c *Client) Live(ctx context.Context, since uint64) (*Live, error) {
	query := url.Values{}
	if since > 0 {
		query.Set("since", strconv.FormatUint(since, 10))
	}
	out := new(Live)
	return out, c.do(ctx, http.MethodGet, "/live", query, nil, out)
}

// A TraceEvent is something that happened to what is followed.
type TraceEvent struct {
	At      time.Time `json:"at"`
	Conn    uint64    `json:"conn"`
	Client  string    `json:"client"`
	Message int32     `json:"message,omitempty" doc:"The message ID of the request that it is about"`
	Kind    string    `json:"kind" enum:"connection,request,step,result,malformed,ended"`
	What    string    `json:"what" doc:"The operation or the step"`
	Attrs   []LogAttr `json:"attrs,omitempty"`
}

// A TraceBatch is what came since the batch before.
type TraceBatch struct {
	Events []TraceEvent `json:"events"`
	Lost   int          `json:"lost,omitempty" doc:"How many there was no room for"`
}

// Trace follows requests until ctx ends or the time is over: of a user, a device, an address, a network, or of all.
func (c *Client) Trace(ctx context.Context, what string, lasts time.Duration, tell func(*TraceBatch) error) error {
	r, err := c.send(ctx, http.MethodGet, "/trace/events", url.Values{"what": {what}, "seconds": {strconv.Itoa(int(lasts.Seconds()))}}, nil)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	err = eachEvent(r.Body, func(name string, data []byte) (more bool, err error) {
		if name != eventTrace {
			return true, nil
		}
		batch := new(TraceBatch)
		if err := json.Unmarshal(data, batch); err != nil {
			return false, fmt.Errorf("read what is followed: %w", err)
		}
		return true, tell(batch)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Profile returns a profile of the server as `go tool pprof` reads it, over the socket only. seconds is how long it takes, for those that
// take a while.
func (c *Client) Profile(ctx context.Context, name string, seconds int) (*Download, error) {
	query := url.Values{}
	if seconds > 0 {
		query.Set("seconds", strconv.Itoa(seconds))
	}
	return c.downloadFrom(ctx, "http://dialtree"+profilePath+url.PathEscape(name)+"?"+query.Encode())
}

// Metrics returns all metrics, in the form that Prometheus reads.
func (c *Client) Metrics(ctx context.Context) (*Download, error) {
	return c.downloadFrom(ctx, "http://dialtree/metrics")
}
