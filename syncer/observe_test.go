package syncer_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
	"github.com/dialtree/dialtree/syncer/source"
)

// A stallingSource gives one record, and from the second fetch on waits until it is cancelled.
type stallingSource struct{ fetches atomic.Int64 }

func (*stallingSource) Notes() []string { return nil }

func (s *stallingSource) Records(ctx context.Context) iter.Seq2[source.Record, error] {
	return func(yield func(source.Record, error) bool) {
		if s.fetches.Add(1) > 1 {
			<-ctx.Done()
			yield(source.Record{}, ctx.Err())
			return
		}
		columns, _ := source.NewColumns([]string{"username"})
		yield(source.Record{Row: 1, Columns: columns, Values: [][]string{{"alice"}}}, nil)
	}
}

// A run that nobody started is told to whoever observes, who can end it and say why.
func TestObserve(t *testing.T) {
	w := newWorld(t)
	type end struct {
		report *syncer.Report
		err    error
	}
	begun, ends := make(chan string, 2), make(chan end, 2)
	var cancel func(error)
	var err error
	w.syncer, err = syncer.New(syncer.Options{Store: w.store, BaseDir: w.dir,
		Observe: func(connector string, stop func(error)) (func(syncer.Progress), func(*syncer.Report, error)) {
			cancel = stop
			begun <- connector
			return func(syncer.Progress) {}, func(r *syncer.Report, err error) { ends <- end{r, err} }
		}})
	if err != nil {
		t.Fatal(err)
	}
	w.syncer.SetSource(&stallingSource{})
	branch := w.connector
	branch.Name, branch.After = "branch", "staff"
	w.apply(&branch)
	w.serve()
	w.run(syncer.ImportOptions{}) // somebody started it: it is not told
	if name := <-begun; name != "branch" {
		t.Errorf("told of %s", name)
	}
	cancel(errors.New("cancelled by alice"))
	e := <-ends
	if e.err != nil || e.report.Run.Result != store.RunFailed || e.report.Run.Error != "cancelled by alice" {
		t.Errorf("%+v, %v", e.report, e.err)
	}
	if len(begun) != 0 {
		t.Error("it is tried again, or another run is told")
	}
}
