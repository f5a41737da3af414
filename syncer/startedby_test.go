package syncer_test

import (
	"testing"

	"github.com/dialtree/dialtree/store"
	"github.com/dialtree/dialtree/syncer"
)

func TestRunsTellWhoStartedThem(t *testing.T) {
	w := newWorld(t)
	w.write("username,displayname", "alice,Alice")
	w.due()
	stop := w.serve()
	eventually(t, "the run that is due", func() bool { return len(w.results("staff")) == 2 })
	stop()
	w.write("username,displayname", "alice,Alice", "bob,Bob")
	made := w.run(syncer.ImportOptions{By: "ada"})
	if _, err := w.syncer.Undo(t.Context(), made.Run.ID, "vera"); err != nil {
		t.Fatal(err)
	}
	runs, err := w.store.Runs("staff", 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 3 || runs[0].By != "vera" || runs[1].By != "ada" || runs[1].Result != store.RunDone || runs[2].By != syncer.BySchedule {
		t.Errorf("the runs are %+v", runs)
	}
}
