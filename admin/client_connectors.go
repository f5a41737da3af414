package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/dialtree/dialtree/store"
)

// maxEvent bounds one server-sent event: a report holds at most 500 changes.
const maxEvent = 16 << 20

// Templates returns the templates of connectors.
func (c *Client) Templates(ctx context.Context) ([]Template, error) {
	var out []Template
	err := c.do(ctx, http.MethodGet, "/templates", nil, nil, &out)
	return out, err
}

// NewConnector returns the commented YAML of a new connector.
func (c *Client) NewConnector(ctx context.Context, template, name string) (string, error) {
	var out NewConnector
	err := c.do(ctx, http.MethodGet, "/templates/"+url.PathEscape(template), url.Values{"name": {name}}, nil, &out)
	return out.YAML, err
}

// Run runs a connector and tells its progress. A run that failed or was stopped by the
// guard is no error: the report says so.
func (c *Client) Run(ctx context.Context, connector string, o ImportOptions) (*Report, error) {
	r, err := c.send(ctx, http.MethodPost, "/connectors/"+url.PathEscape(connector)+"/run", runFlags(o), nil)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	return c.report(ctx, r.Body, o)
}

func runFlags(o ImportOptions) url.Values {
	query := url.Values{}
	for name, set := range map[string]bool{"dry_run": o.DryRun, "confirm": o.Confirm} {
		if set {
			query.Set(name, "true")
		}
	}
	return query
}

// report reads the answer to a run.
func (c *Client) report(ctx context.Context, body io.Reader, o ImportOptions) (*Report, error) {
	report, err := readEvents(body, o.Progress)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return report, err
}

// readEvents reads the events of a run up to its report.
func readEvents(r io.Reader, progress func(Progress)) (*Report, error) {
	var report *Report
	err := eachEvent(r, func(event string, data []byte) (more bool, err error) {
		switch event {
		case eventProgress:
			var p Progress
			if err := json.Unmarshal(data, &p); err != nil {
				return false, fmt.Errorf("read progress: %w", err)
			}
			if progress != nil {
				progress(p)
			}
		case eventReport:
			report = new(Report)
			if err := json.Unmarshal(data, report); err != nil {
				return false, fmt.Errorf("read the report: %w", err)
			}
			return false, nil
		case eventProblem:
			p := new(Problem)
			if err := json.Unmarshal(data, p); err != nil {
				return false, fmt.Errorf("read the problem: %w", err)
			}
			return false, p
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	if report != nil {
		return report, nil
	}
	return nil, errors.New("the server ended before the run did: `dialtree connector history` tells what became of it")
}

// eachEvent calls see with each server-sent event until it wants no more, or there are none.
func eachEvent(r io.Reader, see func(event string, data []byte) (more bool, err error)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	var event string
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			event = name
			continue
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if more, err := see(event, []byte(data)); err != nil || !more {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the server's events: %w", err)
	}
	return nil
}

// Preview shows what the first records of a connector's source become.
func (c *Client) Preview(ctx context.Context, connector string, records int) (*Preview, error) {
	out := new(Preview)
	return out, c.do(ctx, http.MethodGet, "/connectors/"+url.PathEscape(connector)+"/preview", url.Values{"records": {strconv.Itoa(records)}}, nil, out)
}

// Runs returns the latest runs of a connector, the last one first.
func (c *Client) Runs(ctx context.Context, connector string, limit int) ([]store.Run, error) {
	var out []store.Run
	err := c.do(ctx, http.MethodGet, "/connectors/"+url.PathEscape(connector)+"/runs", url.Values{"limit": {strconv.Itoa(limit)}}, nil, &out)
	return out, err
}

// Undo puts back what a run changed.
func (c *Client) Undo(ctx context.Context, run string) (*Report, error) {
	out := new(Report)
	return out, c.do(ctx, http.MethodPost, "/runs/"+url.PathEscape(run)+"/undo", nil, nil, out)
}
