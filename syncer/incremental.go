package syncer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer/source"
)

// fullEvery is how often everything is fetched of a source that can tell what changed: changes never show what was removed, nor
// who joined a group by way of another one.
const fullEvery = 24 * time.Hour

// A fetch is one of a source that can tell what changed.
type fetch struct {
	source source.Incremental
	config string // the digest of the connector
	last   *store.Fetch
	now    time.Time
}

// fetchOf prepares the fetch of a run: of what changed since the last one, or of everything. It is nil for a source that cannot
// tell what changed.
func (s *Syncer) fetchOf(c *store.Connector, j *job, changes bool) (*fetch, error) {
	src, ok := j.source.(source.Incremental)
	if !ok {
		return nil, nil
	}
	config, err := configDigest(c)
	if err != nil {
		return nil, err
	}
	f := &fetch{source: src, config: config, now: s.now().UTC()}
	if !changes {
		return f, nil
	}
	if f.last, err = s.lastFetch(c.Name); err != nil {
		return nil, err
	}
	// A connector that was changed may mean something else for what has not changed. What was fetched at a time that has
	// not come yet, when the clock was wrong, is of no known age.
	if f.last == nil || f.last.Connector != config || f.now.Sub(f.last.Full) >= fullEvery || f.last.Full.After(f.now) {
		f.last = nil
		return f, nil
	}
	src.Since(f.last.Mark)
	return f, nil
}

// lastFetch is that of the last run that applied its plan; nil where there is none, or where it was undone: what an undo put back
// did not change in the source.
func (s *Syncer) lastFetch(connector string) (*store.Fetch, error) {
	runs, err := s.store.Runs(connector, 0)
	if err != nil {
		return nil, err
	}
	for i := range runs {
		switch {
		case runs[i].Result != store.RunDone:
		case runs[i].Undoes != "":
			return nil, nil
		default:
			return runs[i].Fetch, nil
		}
	}
	return nil, nil
}

// ended returns what is to be recorded of a fetch that is complete; nil where the next one has nothing to go on from.
func (f *fetch) ended(r *Report) *store.Fetch {
	if f == nil {
		return nil
	}
	mark, partial := f.source.Mark()
	if mark == "" {
		return nil
	}
	done := &store.Fetch{Mark: mark, Connector: f.config, Full: f.now, Partial: partial}
	if partial {
		done.Full = f.last.Full
		r.note("only what changed since the last run was fetched; everything was fetched at %s", done.Full.Local().Format(time.DateTime))
	}
	return done
}

// configDigest identifies what a connector is. Its secrets do not count: they are masked.
func configDigest(c *store.Connector) (string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}
