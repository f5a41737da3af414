package syncer_test

import (
	"testing"

	"github.com/dialtree/dialtree/syncer"
)

func TestRunsTellWhoStartedThem(t *testing.T) {
	w := newWorld(t)
	w.due()
	stop := w.serve()
	eventually(t, "the run that is due", func() bool { return len(w.results("staff")) == 2 })
	stop()
	w.run(syncer.ImportOptions{By: "ada"})
	runs, err := w.store.Runs("staff", 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 || runs[0].By != "ada" || runs[1].By != syncer.BySchedule {
		t.Errorf("the runs are %+v", runs)
	}
}
