package authproxy

import (
	"context"

	"github.com/dialtree/dialtree/authproxy/upstream"
	"github.com/dialtree/dialtree/store"
)

// An UpstreamTest is how the servers of an upstream answered.
type UpstreamTest struct {
	Servers []ServerTest
	Example string // the bind name that alice gets, or what would be searched for her
}

// A ServerTest is how one server answered.
type ServerTest struct {
	URL   string
	OK    bool
	Steps []LoginStep // up to the one that failed
}

// TestUpstream connects to each server of an upstream, which need not be stored, and asks it what it is. What is wrong with
// the upstream is a *store.FieldError where it is about one key.
func TestUpstream(ctx context.Context, o *store.Upstream) (*UpstreamTest, error) {
	pool, err := newUpstream(o)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	trial := pool.Try(ctx)
	t := &UpstreamTest{Example: trial.Example, Servers: make([]ServerTest, len(trial.Servers))}
	for i, s := range trial.Servers {
		t.Servers[i] = ServerTest{URL: s.URL, OK: s.OK}
		for _, step := range s.Steps {
			t.Servers[i].Steps = append(t.Servers[i].Steps, loginStep(step))
		}
	}
	return t, nil
}

func loginStep(s upstream.Step) LoginStep {
	step := LoginStep{Name: string(s.Phase), Detail: s.Server, OK: s.Err == nil, Duration: s.Duration}
	if s.Detail != "" && s.Detail != s.Server {
		step.Detail += ": " + s.Detail
	}
	if s.Err != nil {
		step.Detail += ": " + s.Err.Error()
	}
	return step
}
