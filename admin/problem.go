package admin

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/dialtree/dialtree/admin/yamldoc"
	"github.com/dialtree/dialtree/store"
)

// A Problem is an error of the API after RFC 9457.
type Problem struct {
	Type   string          `json:"type" doc:"Always about:blank: the status says what kind of problem it is"`
	Title  string          `json:"title"`
	Status int             `json:"status"`
	Detail string          `json:"detail" doc:"A sentence for people: what, where and what to do"`
	Errors []ProblemDetail `json:"errors,omitempty" doc:"Every mistake of a document"`

	retryAfter string // seconds; empty: nobody knows
}

// A ProblemDetail is one mistake.
type ProblemDetail struct {
	Message  string `json:"message"`
	Location string `json:"location,omitempty" doc:"The path of the key, such as tls.ca_file"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
}

// Error returns every mistake, or the detail when there is no list of them.
func (p *Problem) Error() string {
	if len(p.Errors) == 0 {
		return p.Detail
	}
	var ps yamldoc.Problems
	for _, e := range p.Errors {
		ps = append(ps, &yamldoc.Problem{File: e.File, Line: e.Line, Path: e.Location, Message: e.Message})
	}
	return ps.Error()
}

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	if p.retryAfter == "" {
		return nil
	}
	return http.Header{"Retry-After": {p.retryAfter}}
}

// awaySeconds is when to try again what etcd stands in the way of: it finds a new leader in less.
const awaySeconds = "5"

// answerOf is the problem that a request is answered with.
func (s *Server) answerOf(err error) *Problem {
	problem := s.problemOf(err)
	if outOfReach(err) {
		problem.retryAfter = awaySeconds
	}
	return problem
}

// outOfReach tells whether something failed because etcd did not answer.
func outOfReach(err error) bool {
	var doubt *store.DoubtError
	return errors.Is(err, store.ErrAway) || errors.As(err, &doubt)
}

func newProblem(status int, detail string, details ...ProblemDetail) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Errors: details}
}

// problemOf is the only place where an error becomes an HTTP status. An error that
// it does not know is the server's fault, and is logged. The caller owns the machine: it may read the text.
func (s *Server) problemOf(err error) *Problem {
	var (
		problem  *Problem
		problems yamldoc.Problems
		field    *store.FieldError
		inUse    *store.InUseError
		object   *store.ObjectError
		entry    *store.EntryError
		changed  *store.ChangedError
		written  *store.WriteError
		damaged  *store.CorruptError
		doubt    *store.DoubtError
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &problems):
		return newProblem(http.StatusUnprocessableEntity, "nothing was changed: the documents have mistakes", details(problems)...)
	case errors.Is(err, store.ErrNotFound):
		return newProblem(http.StatusNotFound, err.Error())
	case errors.As(err, &changed):
		return newProblem(http.StatusPreconditionFailed, err.Error()+": read it again and repeat the change")
	case errors.Is(err, store.ErrConflict):
		return newProblem(http.StatusConflict, err.Error())
	case errors.As(err, &inUse):
		return newProblem(http.StatusConflict, err.Error()+": remove those first")
	case errors.As(err, &field):
		return newProblem(http.StatusUnprocessableEntity, err.Error(), ProblemDetail{Message: field.Message, Location: field.Path})
	case errors.As(err, &object), errors.As(err, &entry):
		return newProblem(http.StatusUnprocessableEntity, err.Error())
	case errors.Is(err, store.ErrAway), errors.As(err, &doubt): // before the contexts: either may hold one
		return newProblem(http.StatusServiceUnavailable, err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusServiceUnavailable, "the server took too long: try again")
	case errors.Is(err, context.Canceled), errors.Is(err, store.ErrClosed):
		return newProblem(http.StatusServiceUnavailable, "the server is stopping")
	case errors.As(err, &written) && store.Full(err):
		return newProblem(http.StatusInsufficientStorage, err.Error())
	case errors.As(err, &written), errors.As(err, &damaged):
		return newProblem(http.StatusServiceUnavailable, err.Error())
	case store.Full(err):
		return newProblem(http.StatusInsufficientStorage, err.Error()+": make room on that disk")
	}
	s.log.Error("request failed", "error", err)
	return newProblem(http.StatusInternalServerError, "internal error: "+err.Error())
}

func details(ps yamldoc.Problems) []ProblemDetail {
	out := make([]ProblemDetail, len(ps))
	for i, p := range ps {
		out[i] = ProblemDetail{Message: p.Message, Location: p.Path, File: p.File, Line: p.Line}
	}
	return out
}

// withoutValues takes the values that the framework echoes out of its validation
// errors: one of them may be a password.
func withoutValues(_ huma.Context, _ string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		for _, e := range m.Errors {
			e.Value = nil
		}
	}
	return v, nil
}
