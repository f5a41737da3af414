package store

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// One planted fault for each rule: Check must name it.
func TestCheckFindsPlantedFaults(t *testing.T) {
	x := func(name string) id { return ownedID(KindUser, "staff", name, 0) }
	bob := ownedID(KindContact, "staff", "bob", 0)
	edit := func(x id, change func(*Entry)) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error {
			e, err := readEntry(tx.Bucket(bucketEntries), x)
			if err != nil {
				return err
			}
			change(&e)
			return tx.Bucket(bucketEntries).Put(x[:], appendRecord(nil, &e))
		}
	}
	put := func(bucket, k, v []byte) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put(k, v) }
	}
	del := func(bucket, k []byte) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Delete(k) }
	}
	alice, nobody := x("alice"), x("nobody")
	tests := []struct {
		name  string
		plant func(*bbolt.Tx) error
		want  string
	}{
		{"key that is no ID", put(bucketEntries, []byte("x"), nil), "the key is not an ID"},
		{"record that does not decode", put(bucketEntries, alice[:], []byte("x")), alice.String() + ": the record is damaged"},
		{"entry against the table", edit(alice, func(e *Entry) { e.Values = e.Values.With(DisplayName) }), `user "alice" (of connector staff, key "alice", ID ` + alice.String() + "): displayname is missing"},
		{"owner that does not exist", del(bucketObjects, []byte("connector/staff")), "connector staff does not exist"},
		{"phonebook that does not exist", del(bucketObjects, []byte("phonebook/customers")), "phonebook customers does not exist"},
		{"upstream that does not exist", del(bucketObjects, []byte("upstream/corp")), "upstream corp does not exist"},
		{"entry from the future", edit(alice, func(e *Entry) { e.Seq = 99 }), "its change 99 is later than the store's last change 3"},
		{"user name not in the index", del(bucketNames, []byte("alice")), "the index names does not lead to it"},
		{"user name leads elsewhere", put(bucketNames, []byte("alice"), bob[:]), "the index names does not lead to it"},
		{"user name of nobody", put(bucketNames, []byte("x"), nobody[:]), `index names, key "x": user ` + nobody.String() + " does not exist"},
		{"second user name", put(bucketNames, []byte("x"), alice[:]), "does not have this key"},
		{"user name to nonsense", put(bucketNames, []byte("x"), []byte("?")), "3f is not an ID"},
		{"short code not in the index", del(bucketCodes, []byte("*97")), "the index codes does not lead to it"},
		{"second short code", put(bucketCodes, []byte("1"), alice[:]), `index codes, key "1"`},
		{"key not in the index", del(bucketKeys, ownerKey("staff", "alice")), "the index keys does not lead to it"},
		{"second key", put(bucketKeys, ownerKey("staff", "x"), alice[:]), "does not have this key"},
		{"contact not in its phonebook", del(bucketBooks, bookKey("customers", bob)), "the index books does not lead to it"},
		{"contact in another phonebook", put(bucketBooks, bookKey("x", bob), []byte{}), "is not in this phonebook"},
		{"nobody in a phonebook", put(bucketBooks, bookKey("customers", nobody), []byte{}), "does not exist"},
		{"nonsense in a phonebook", put(bucketBooks, []byte("customers"), []byte{}), "does not end in an ID"},
		{"counts", put(bucketMeta, metaCounts, []byte(`{"users":7}`)), "counts: stored are {Users:7"},
		{"counts that do not decode", put(bucketMeta, metaCounts, []byte(`?`)), "read counts"},
		{"object that does not decode", put(bucketObjects, []byte("device/d"), []byte("?")), "device d: read device d"},
		{"object under another name", put(bucketObjects, []byte("device/d"), []byte(`{"name":"e"}`)), "it calls itself device e"},
		{"object against the rules", put(bucketObjects, []byte("upstream/x"), []byte(`{"name":"x"}`)), "upstream x: urls: is missing"},
		{"object of no kind", put(bucketObjects, []byte("x/y"), []byte(`{}`)), `"x" is not a kind`},
		{"connector to nothing", del(bucketObjects, []byte("phonebook/target")), "connector to: target: phonebook target does not exist"},
		{"secret that does not open", put(bucketSealed, []byte("device/reception/password"), []byte("x")), "does not open"},
		{"secret in another place", func(tx *bbolt.Tx) error {
			sealed := tx.Bucket(bucketSealed).Get([]byte("device/reception/password"))
			return tx.Bucket(bucketSealed).Put([]byte("device/lobby/password"), append([]byte(nil), sealed...))
		}, "password of device lobby: the sealed secret"},
		{"secret of nothing", func(tx *bbolt.Tx) error { return tx.Bucket(bucketObjects).Delete([]byte("device/reception")) }, "password of device reception: device reception does not exist"},
		{"secret that is gone", del(bucketSealed, []byte("device/reception/password")), "password is no longer stored: enter it again"},
		{"log with a gap", del(bucketLog, number(2)), "change 3 follows change 1"},
		{"log that ends early", del(bucketLog, number(3)), "it ends with change 2, but the store's last change is 3"},
		{"log that does not decode", put(bucketLog, number(2), []byte{200}), "the log of changes is damaged"},
		{"log that counts wrong", put(bucketMeta, metaLogRefs, number(77)), "but 77 are counted"},
		{"sequence number", put(bucketMeta, metaSeq, number(2)), "it ends with change 3, but the store's last change is 2"},
		{"run that does not decode", put(bucketRuns, runKey("staff", 1), []byte("?")), "run staff-1: read run"},
		{"run under another name", put(bucketRuns, runKey("staff", 7), []byte(`{"id":"staff-6","connector":"staff"}`)), "run staff-7: it calls itself staff-6"},
		{"run from the future", put(bucketRuns, runKey("staff", 7), []byte(`{"id":"staff-7","connector":"staff","seq":99}`)), "its change 99 is later"},
		{"run of nothing", put(bucketRuns, runKey("no", 7), []byte(`{"id":"no-7","connector":"no"}`)), "connector no does not exist"},
		{"run with a bad key", put(bucketRuns, []byte("x"), nil), "the key is not one of a run"},
		{"images of no run", put(bucketImages, append(runKey("staff", 9), number(0)...), nil), "what run staff-9 replaced: the run does not exist"},
		{"images that do not unpack", put(bucketImages, append(runKey("staff", 1), number(0)...), []byte("?")), "what run staff-1 replaced: what the run replaced is damaged"},
		{"session that does not decode", put(bucketSessions, []byte("x"), []byte("?")), `session "x": read session`},
		{"session under another name", put(bucketSessions, []byte("x"), []byte(`{"id":"y"}`)), `session "x": it calls itself "y"`},
		{"session without a hash", put(bucketSessions, []byte("x"), []byte(`{"id":"x"}`)), `session "x": hash`},
		{"audit record that does not decode", put(bucketAudit, number(1), []byte("?")), "audit record 1: read audit record"},
		{"audit record under another number", put(bucketAudit, number(7), []byte(`{"n":6}`)), "audit record 7: it calls itself 6"},
		{"audit record from the future", put(bucketAudit, number(7), []byte(`{"n":7,"change":99}`)), "audit record 7: its change 99 is later"},
		{"audit record with a bad key", put(bucketAudit, []byte("x"), nil), "the key is not a number"},
		{"audit log with a gap", func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucketAudit)
			return errors.Join(b.Put(number(3), []byte(`{"n":3}`)), b.Put(number(5), []byte(`{"n":5}`)))
		}, "audit record 5: it follows audit record 3"},
		{"images with a part missing", func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucketImages)
			packed := append([]byte(nil), b.Get(append(runKey("staff", 1), number(0)...))...)
			return b.Put(append(runKey("staff", 1), number(2)...), packed)
		}, "what run staff-1 replaced: part 1 is missing"},
		{"secret in clear text", put(bucketObjects, []byte("device/d"), []byte(`{"name":"d","password":"hunter2"}`)), "device d: password is stored in clear text"},
		{"bucket of something else", func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("other")); return err }, `the bucket "other" is not one of a store`},
		{"refusal that does not decode", put(bucketRefusals, number(1), []byte("?")), "refusal 1: read refusal"},
		{"refusal under another number", put(bucketRefusals, number(7), []byte(`{"n":6}`)), "refusal 7: it calls itself 6"},
		{"refusal that counts nothing", put(bucketRefusals, number(7), []byte(`{"n":7}`)), "refusal 7: it counts 0"},
		{"refusal with a bad key", put(bucketRefusals, []byte("x"), nil), "the key is not a number"},
		{"refusals with a gap", func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucketRefusals)
			return errors.Join(b.Put(number(3), []byte(`{"n":3,"count":1}`)), b.Put(number(5), []byte(`{"n":5,"count":1}`)))
		}, "refusal 5: it follows refusal 3"},
		{"images with a bad key", put(bucketImages, []byte("x"), nil), "the key is not one of a run"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := openTest(t)
			s.db.NoSync = true
			seed(t, s)
			a := owned(user("alice"), "staff", "alice")
			a.Auth = Auth{Method: AuthUpstream, Upstream: "corp"}
			apply(t, s, Changes{
				Put: []Entry{a, owned(contact("bob"), "staff", "bob"), speedDial("*97")}, Run: &Run{Connector: "staff"}, Undo: true})
			to := connector("to")
			to.Target = "phonebook/target"
			apply(t, s, Changes{PutObjects: []Object{&Device{Name: "reception", Password: Literal("x")}, &Phonebook{Name: "target"}, to}})
			checkClean(t, s)
			if err := s.db.Update(test.plant); err != nil {
				t.Fatal(err)
			}
			problems, err := s.Check(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, p := range problems {
				found = found || strings.Contains(p.String(), test.want)
			}
			if !found {
				t.Errorf("%v does not say %q", problems, test.want)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestCheckIsBounded(t *testing.T) {
	s := openDir(t, makeStore(t))
	err := s.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(tx.DeleteBucket(bucketNames), func() error { _, err := tx.CreateBucket(bucketNames); return err }())
	})
	if err != nil {
		t.Fatal(err)
	}
	problems, err := s.Check(context.Background())
	if err != nil || len(problems) != maxProblems+1 || problems[maxProblems].String() != "check: there are more than these 100 problems" {
		t.Errorf("%d problems, %v", len(problems), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
