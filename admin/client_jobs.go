package admin

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/dialtree/dialtree/store"
)

// A Job is a run that goes on whoever looks at it. Ended ones are kept in memory for a while.
type Job struct {
	ID        string    `json:"id"`
	Connector string    `json:"connector" doc:"import for a file that was imported by hand"`
	DryRun    bool      `json:"dry_run"`
	By        string    `json:"by" doc:"Who started it"`
	Node      string    `json:"node,omitempty" doc:"Where it runs; absent where no other node shares the content"`
	Started   time.Time `json:"started"`
	Progress  Progress  `json:"progress"`
	Done      bool      `json:"done"`
	Report    *Report   `json:"report,omitempty" doc:"When it is done"`
	Problem   *Problem  `json:"problem,omitempty" doc:"When there is no report"`
}

// StartRun runs a connector in the background.
func (c *Client) StartRun(ctx context.Context, connector string, o ImportOptions) (*Job, error) {
	out := new(Job)
	return out, c.do(ctx, http.MethodPost, "/connectors/"+url.PathEscape(connector)+"/jobs", runFlags(o), nil, out)
}

// StartImport imports a file in the background.
func (c *Client) StartImport(ctx context.Context, f HandFile, o ImportOptions) (*Job, error) {
	query := runFlags(o)
	query.Set("to", f.Target)
	query.Set("file", f.Name)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address("/import/jobs", query), bytes.NewReader(f.Content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/octet-stream")
	out := new(Job)
	return out, c.answer(ctx, request, out)
}

// Jobs returns the jobs that run or ended lately, the last one first.
func (c *Client) Jobs(ctx context.Context) ([]Job, error) {
	var out []Job
	return out, c.do(ctx, http.MethodGet, "/jobs", nil, nil, &out)
}

// Job returns one job.
func (c *Client) Job(ctx context.Context, id string) (*Job, error) {
	out := new(Job)
	return out, c.do(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id), nil, nil, out)
}

// CancelJob ends a job: nothing of what it planned is applied, unless that was done already.
func (c *Client) CancelJob(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/jobs/"+url.PathEscape(id), nil, nil, nil)
}

// Watch follows a job to its end: events of GET /jobs/{id}/events, as those of Run.
func (c *Client) Watch(ctx context.Context, id string, progress func(Progress)) (*Report, error) {
	r, err := c.send(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id)+"/events", nil, nil)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	return c.report(ctx, r.Body, ImportOptions{Progress: progress})
}

// Plan returns what the latest dry run of a connector showed or the guard stopped: what a confirmed run would do.
// There is none after a run that was applied, and once the connector was changed.
func (c *Client) Plan(ctx context.Context, connector string) (*Report, error) {
	out := new(Report)
	return out, c.do(ctx, http.MethodGet, "/connectors/"+url.PathEscape(connector)+"/plan", nil, nil, out)
}

// A RunDetail is a run with what it changed.
type RunDetail struct {
	Run      store.Run       `json:"run"`
	Changes  []PlannedChange `json:"changes" doc:"The first 500"`
	More     bool            `json:"more"`
	Undoable bool            `json:"undoable" doc:"What was there before is still known"`
	UndoneBy string          `json:"undone_by,omitempty" doc:"The run that put it back"`
}

// RunDetail returns a run with what it changed.
func (c *Client) RunDetail(ctx context.Context, run string) (*RunDetail, error) {
	out := new(RunDetail)
	return out, c.do(ctx, http.MethodGet, "/runs/"+url.PathEscape(run), nil, nil, out)
}

// A SourceLook is what a connector, stored or not, sees of its source.
type SourceLook struct {
	Preview
	Columns []string `json:"columns" doc:"The names that expressions may use, in the order of the source"`
	Fields  []string `json:"fields" doc:"The fields that variables can compute for this target"`
}

// LookAtSource shows what the first records of a source become, for a connector that need not be stored.
// A secret that reads [secret] is the stored one's.
func (c *Client) LookAtSource(ctx context.Context, connector Document, records int) (*SourceLook, error) {
	out := new(SourceLook)
	return out, c.do(ctx, http.MethodPost, "/connectors/preview", url.Values{"records": {strconv.Itoa(records)}}, connector, out)
}

// NextTimes are when a schedule is due.
type NextTimes struct {
	Times []time.Time `json:"times"`
}

// NextTimes returns when a schedule would be due next. A wrong one is a *Problem.
func (c *Client) NextTimes(ctx context.Context, schedule, timezone string, count int) (*NextTimes, error) {
	query := url.Values{"schedule": {schedule}, "count": {strconv.Itoa(count)}}
	if timezone != "" {
		query.Set("timezone", timezone)
	}
	out := new(NextTimes)
	return out, c.do(ctx, http.MethodGet, "/schedule", query, nil, out)
}
