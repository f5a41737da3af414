package admin

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/access"
	"github.com/dialtree/dialtree/admin/logtail"
)

const (
	// logLimit is how many records are returned at once where nobody says.
	logLimit = 200
	// logEvery is how often a reader of the log's events is told what came. Nobody who logs
	// has to wake a reader: at ten thousand logins a second that would cost more than the lines.
	logEvery = 500 * time.Millisecond
	// logAlive is how often something is sent when nothing happens, so that a client that is
	// gone is noticed.
	logAlive = 20 * time.Second
)

type logInput struct {
	Level string `query:"level" enum:"DEBUG,INFO,WARN,ERROR" doc:"This and worse; without it everything"`
	Query string `query:"q" maxLength:"200" doc:"Words that a line must hold, in any case"`
	After uint64 `query:"after" doc:"Only what came after the record of this number"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"The last ones"`
}

func (s *Server) logRoutes(api huma.API) {
	tags := []string{"system"}
	register(s, api, access.Admin, huma.Operation{OperationID: "log", Method: http.MethodGet, Path: "/log", Tags: tags,
		Summary:     "The last lines of the server's log, the oldest first",
		Description: "The last 2,000 are kept in memory. Long values are cut; secrets are not in the log."},
		func(_ context.Context, in *logInput) (*body[[]LogRecord], error) {
			return &body[[]LogRecord]{s.logRecords(in.query())}, nil
		})
	register(s, api, access.Admin, huma.Operation{OperationID: "log-events", Method: http.MethodGet, Path: "/log/events", Tags: tags,
		Summary:     "Follow the server's log",
		Responses:   eventStream(),
		Description: "Server-sent events: `log`, each a list of records as of /log, first those that are there. Ask again with `after` the last number to go on.",
		Metadata:    map[string]any{streams: true}},
		func(_ context.Context, in *logInput) (*huma.StreamResponse, error) {
			return &huma.StreamResponse{Body: func(hc huma.Context) { s.followLog(hc, in.query()) }}, nil
		})
}

func (in *logInput) query() logtail.Query {
	q := logtail.Query{Level: slog.LevelDebug, Text: in.Query, After: in.After, Limit: in.Limit}
	if q.Limit == 0 {
		q.Limit = logLimit
	}
	if in.Level != "" {
		if q.Level.UnmarshalText([]byte(in.Level)) != nil {
			q.Level = slog.LevelDebug // the framework checked it: this is not reached
		}
	}
	return q
}

// followLog sends what is there and then what comes, until the client or the server ends.
func (s *Server) followLog(hc huma.Context, q logtail.Query) {
	events := newEvents(hc)
	t := time.NewTicker(logEvery)
	defer t.Stop()
	for last := time.Now(); ; {
		records := s.logRecords(q)
		if n := len(records); n > 0 || time.Since(last) >= logAlive {
			last = time.Now()
			events.send("log", records)
			if n > 0 {
				q.After = records[n-1].N
			}
		}
		select {
		case <-hc.Context().Done():
			return
		case <-t.C:
		}
	}
}

func (s *Server) logRecords(q logtail.Query) []LogRecord {
	out := []LogRecord{}
	if s.options.Log == nil {
		return out
	}
	for _, r := range s.options.Log.Records(q) {
		shown := LogRecord{N: r.N, At: r.At.UTC(), Level: levelName(r.Level), Message: r.Message}
		for _, a := range r.Attrs {
			shown.Attrs = append(shown.Attrs, LogAttr(a))
		}
		out = append(out, shown)
	}
	return out
}

// levelName is one of the four names: levels between them count as the lower one.
func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "ERROR"
	case l >= slog.LevelWarn:
		return "WARN"
	case l >= slog.LevelInfo:
		return "INFO"
	}
	return "DEBUG"
}
