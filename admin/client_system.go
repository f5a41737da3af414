package admin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// An Overview tells at a glance how things are.
type Overview struct {
	Ready      bool             `json:"ready"`
	Logins     LoginFigures     `json:"logins" doc:"Of the last hour"`
	Upstreams  []UpstreamHealth `json:"upstreams"`
	Connectors []ConnectorState `json:"connectors"`
	Entries    map[string]int   `json:"entries"`
	Phonebooks map[string]int   `json:"phonebooks" doc:"Contacts by phonebook"`
	Attention  []Attention      `json:"attention" doc:"What somebody should look at, the worst first"`
	Checklist  []ChecklistStep  `json:"checklist" doc:"What a new installation still needs, in order"`
}

// LoginFigures are the logins of a span of time.
type LoginFigures struct {
	Accepted    int     `json:"accepted"`
	Refused     int     `json:"refused" doc:"Wrong passwords, unknown and disabled users, and those remembered"`
	Throttled   int     `json:"throttled"`
	NotFoundOut int     `json:"not_found_out" doc:"An upstream was away or too busy"`
	P95         float64 `json:"p95_milliseconds" doc:"The time that 95 of 100 binds do not exceed"`
	PerSecond   float64 `json:"per_second"`
}

// A ConnectorState is how a connector fares.
type ConnectorState struct {
	Name        string     `json:"name"`
	Template    string     `json:"template"`
	Target      string     `json:"target"`
	State       string     `json:"state" enum:"fresh,stale,failed,stopped,running,never"`
	LastRun     string     `json:"last_run,omitempty"`
	LastSuccess *time.Time `json:"last_success,omitempty"`
	LastError   string     `json:"last_error,omitempty"`
	NextRun     *time.Time `json:"next_run,omitempty"`
	Entries     int        `json:"entries"`
	Job         string     `json:"job,omitempty" doc:"That runs now"`
	JobNode     string     `json:"job_node,omitempty" doc:"Where that runs; absent where no other node shares the content"`
}

// Attention is something that somebody should look at.
type Attention struct {
	Severity string     `json:"severity" enum:"critical,warning,note"`
	Code     string     `json:"code" doc:"upstream_down, server_down, connector_failed, connector_stopped, connector_stale, certificate_expires, certificate_not_yet_valid, certificate_not_taken_over, certificate_unreadable, certificate_unchecked, no_tls, open_to_all, few_descriptors, disk_full, backup, backup_failed, store_problem, not_ready, not_writable, not_changing, node_trouble, node_behind, node_missing, no_elected, snapshot_old, etcd_full, etcd_member, etcd_few, throttled"`
	Subject  string     `json:"subject" doc:"What it is about: the name of an upstream, a connector, a file"`
	Text     string     `json:"text" doc:"A sentence: what, and what to do"`
	Since    *time.Time `json:"since,omitempty"`
}

// A ChecklistStep is one step of setting up.
type ChecklistStep struct {
	Code string `json:"code" enum:"upstream,users,login,phonebook,device,phone,tls,schedule,backup"`
	Done bool   `json:"done"`
}

// Overview tells how things are.
func (c *Client) Overview(ctx context.Context) (*Overview, error) {
	out := new(Overview)
	return out, c.do(ctx, http.MethodGet, "/overview", nil, nil, out)
}

// Trends are figures over time. They are kept in memory: a restart begins anew.
type Trends struct {
	Step   time.Duration `json:"step" doc:"Nanoseconds between points"`
	Points []TrendPoint  `json:"points" doc:"The oldest first"`
}

// A TrendPoint is what happened in one step.
type TrendPoint struct {
	At          time.Time `json:"at" doc:"The end of the step"`
	Accepted    float64   `json:"accepted"`
	Refused     float64   `json:"refused"`
	Throttled   float64   `json:"throttled"`
	NotFoundOut float64   `json:"not_found_out"`
	BindP95     float64   `json:"bind_p95_milliseconds"`
	Searches    float64   `json:"searches"`
	SearchP95   float64   `json:"search_p95_milliseconds"`
	Connections float64   `json:"connections"`
}

// Trends returns the figures of the last hours: at most 24.
func (c *Client) Trends(ctx context.Context, hours int) (*Trends, error) {
	out := new(Trends)
	return out, c.do(ctx, http.MethodGet, "/trends", url.Values{"hours": {strconv.Itoa(hours)}}, nil, out)
}

// A Setting is a key of the configuration as it is in force.
type Setting struct {
	Key     string `json:"key" example:"ldap.listen"`
	Value   string `json:"value"`
	Default string `json:"default"`
	From    string `json:"from" enum:"default,file,environment,flag"`
	Where   string `json:"where,omitempty" doc:"file:line, or the variable's or flag's name"`
	Reload  bool   `json:"reload" doc:"SIGHUP takes it over; otherwise a restart"`
	Help    string `json:"help" doc:"What it is for"`
}

// Settings returns the configuration in force.
func (c *Client) Settings(ctx context.Context) ([]Setting, error) {
	var out []Setting
	return out, c.do(ctx, http.MethodGet, "/config", nil, nil, &out)
}

// A Certificate is one that this server shows or trusts.
type Certificate struct {
	Use       string    `json:"use" doc:"ldap, admin; upstream/NAME or connector/NAME for what its servers must be signed by"`
	File      string    `json:"file"`
	Subject   string    `json:"subject"`
	Names     []string  `json:"names"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Pin       string    `json:"pin" doc:"As tls.pinned_key has it"`
	Error     string    `json:"error,omitempty"`
}

// Certificates returns the certificates and when they expire.
func (c *Client) Certificates(ctx context.Context) ([]Certificate, error) {
	var out []Certificate
	return out, c.do(ctx, http.MethodGet, "/certificates", nil, nil, &out)
}

// StoreFigures are the size of the store.
type StoreFigures struct {
	Dir        string         `json:"dir"`
	Bytes      int64          `json:"bytes"`
	DiskFree   int64          `json:"disk_free"`
	Change     uint64         `json:"change"`
	Entries    map[string]int `json:"entries"`
	Objects    map[string]int `json:"objects"`
	LastBackup *time.Time     `json:"last_backup,omitempty"`
}

// StoreFigures returns the size of the store.
func (c *Client) StoreFigures(ctx context.Context) (*StoreFigures, error) {
	out := new(StoreFigures)
	return out, c.do(ctx, http.MethodGet, "/store", nil, nil, out)
}

// BackupFile returns a backup of the store as it is now. It holds the key of the stored secrets.
func (c *Client) BackupFile(ctx context.Context) (*Download, error) {
	return c.download(ctx, "/backup", nil)
}

// A LogRecord is one line of the server's log.
type LogRecord struct {
	N       uint64    `json:"n" doc:"Counts up from the start"`
	At      time.Time `json:"at"`
	Level   string    `json:"level" enum:"DEBUG,INFO,WARN,ERROR"`
	Message string    `json:"message"`
	Attrs   []LogAttr `json:"attrs,omitempty"`
}

// A LogAttr is a piece of data of a log record.
type LogAttr struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// LogOptions select log records.
type LogOptions struct {
	Level string // this and worse; empty: all
	Query string // words that the line must hold
	After uint64 // only what came after this one
	Limit int    // 0: 200; at most 1000
}

// Log returns the last records of the server's log, the oldest first.
func (c *Client) Log(ctx context.Context, o LogOptions) ([]LogRecord, error) {
	query := given(map[string]string{"level": o.Level, "q": o.Query})
	if o.After > 0 {
		query.Set("after", strconv.FormatUint(o.After, 10))
	}
	if o.Limit > 0 {
		query.Set("limit", strconv.Itoa(o.Limit))
	}
	var out []LogRecord
	return out, c.do(ctx, http.MethodGet, "/log", query, nil, &out)
}
