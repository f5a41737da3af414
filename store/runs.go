package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"
)

// HandImports is what the runs of files that are imported by hand belong to, in place of a connector.
const HandImports = "import"

// keptRuns is how many runs of a connector are kept, with what they replaced.
const keptRuns = 100

// recordRun records the run of a change and forgets the oldest.
func (a *applier) recordRun() error {
	run := *a.c.Run
	run.Rejects = slices.Clone(run.Rejects)
	if run.Connector != HandImports && !a.objectKnown(ObjectConnector, run.Connector) {
		return notFound("connector %s", run.Connector)
	}
	last := lastRun(a.tx, run.Connector)
	n := last + 1
	if run.ID != "" {
		connector, given, ok := parseRunID(run.ID)
		if !ok || connector != run.Connector || given <= last {
			return fmt.Errorf("record run: %q is not an ID of the next run of connector %s", run.ID, run.Connector)
		}
		n = given
	}
	run.ID = runID(run.Connector, n)
	run.Seq = 0
	if a.changed() {
		run.Seq = a.seq
	}
	if err := a.w.table(bucketRuns).putJSON(runKey(run.Connector, n), run); err != nil {
		return err
	}
	if a.c.Undo {
		if err := putImages(&a.w, runKey(run.Connector, n), a.order); err != nil {
			return err
		}
		if a.how == shared {
			if err := trimImages(&a.w, run.Connector, imagesBound(a.tx, a.s.images)); err != nil {
				return err
			}
		}
	}
	a.applied.Run = &run
	if n <= keptRuns {
		return nil
	}
	return removeRuns(&a.w, run.Connector, n-keptRuns+1)
}

// removeRuns removes the runs of a connector before a number, all for 0, and their images.
func removeRuns(w *writes, connector string, before uint64) error {
	return errors.Join(removeBefore(w, bucketRuns, connector, before), removeBefore(w, bucketImages, connector, before))
}

// removeBefore removes what a bucket holds of the runs of a connector before a number, of all for 0.
func removeBefore(w *writes, bucket []byte, connector string, before uint64) error {
	prefix := joinNUL(connector, "")
	b := w.table(bucket)
	var keys [][]byte // bbolt's cursors skip keys when one is deleted under them
	c := b.Cursor()
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		if before != 0 && binary.BigEndian.Uint64(k[len(prefix):]) >= before {
			break
		}
		keys = append(keys, bytes.Clone(k))
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// NextRunID returns the ID that the next run of a connector gets.
func (s *Store) NextRunID(connector string) (string, error) {
	return view(s, func(v *Snapshot) (string, error) {
		return runID(connector, lastRun(v.tx, connector)+1), nil
	})
}

// Run returns a run, or a *NotFoundError.
func (s *Store) Run(runID string) (Run, error) {
	return view(s, func(v *Snapshot) (Run, error) {
		connector, n, ok := parseRunID(runID)
		if !ok {
			return Run{}, notFound("run %q", runID)
		}
		data := v.tx.Bucket(bucketRuns).Get(runKey(connector, n))
		if data == nil {
			return Run{}, notFound("run %s", runID)
		}
		return decodeRun(data)
	})
}

// Runs returns the last runs of a connector, the newest first; limit 0 for all that are kept. Without a connector, it returns those of all, ordered by
// connector.
func (s *Store) Runs(connector string, limit int) ([]Run, error) {
	return view(s, func(v *Snapshot) ([]Run, error) {
		if connector != "" {
			return runsOf(v.tx, connector, limit)
		}
		names := []string{HandImports}
		for _, r := range objectRefs(v.tx, ObjectConnector) {
			names = append(names, r.Name)
		}
		slices.Sort(names)
		var runs []Run
		for _, name := range names {
			of, err := runsOf(v.tx, name, limit)
			if err != nil {
				return nil, err
			}
			runs = append(runs, of...)
		}
		return runs, nil
	})
}

func runsOf(tx *bbolt.Tx, connector string, limit int) ([]Run, error) {
	var runs []Run
	for _, data := range backwards(tx.Bucket(bucketRuns), joinNUL(connector, "")) {
		run, err := decodeRun(data)
		if err != nil {
			return nil, err
		}
		if runs = append(runs, run); len(runs) == limit {
			break
		}
	}
	return runs, nil
}

// backwards visits the keys with a prefix that ends in NUL, the last first.
func backwards(b *bbolt.Bucket, prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		end := bytes.Clone(prefix)
		end[len(end)-1]++
		c := b.Cursor()
		previous := c.Prev
		if k, _ := c.Seek(end); k == nil {
			previous = c.Last
		}
		for k, v := previous(); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Prev() {
			if !yield(k, v) {
				return
			}
		}
	}
}

func lastRun(tx *bbolt.Tx, connector string) uint64 {
	prefix := joinNUL(connector, "")
	for k := range backwards(tx.Bucket(bucketRuns), prefix) {
		return binary.BigEndian.Uint64(k[len(prefix):])
	}
	return 0
}

func decodeRun(data []byte) (Run, error) {
	var run Run
	if err := json.Unmarshal(data, &run); err != nil {
		return Run{}, fmt.Errorf("read run: %w: run dialtree check", err)
	}
	return run, nil
}

func runKey(connector string, n uint64) []byte {
	return append(joinNUL(connector, ""), number(n)...)
}

func runID(connector string, n uint64) string {
	return connector + "-" + strconv.FormatUint(n, 10)
}

// parseRunID splits a run's ID at its last dash: names hold dashes too.
func parseRunID(text string) (connector string, n uint64, ok bool) {
	i := strings.LastIndexByte(text, '-')
	if i < 0 || !validObjectName(text[:i]) {
		return "", 0, false
	}
	n, err := strconv.ParseUint(text[i+1:], 10, 63)
	return text[:i], n, err == nil && n > 0 && runID(text[:i], n) == text
}
