package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// objects checks each object by itself, that its secrets are there, and that what connectors name exists.
func (c *checker) objects() error {
	return c.forEach(bucketObjects, func(k, _ []byte) error {
		kind, name, _ := strings.Cut(string(k), "/")
		r := ObjectRef{ObjectKind(kind), name}
		if !slices.Contains(ObjectKinds(), r.Kind) {
			return c.report(r.String(), "%q is not a kind of object", kind)
		}
		o, err := readObject(c.tx, c.s.key, r)
		if err != nil {
			return c.report(r.String(), "%v", err)
		}
		if RefOf(o) != r {
			return c.report(r.String(), "it calls itself %s", RefOf(o))
		}
		if err := o.Validate(); err != nil {
			if err := c.report(r.String(), "%v", err); err != nil {
				return err
			}
		}
		if err := c.clearSecrets(r); err != nil {
			return err
		}
		var lost []string
		eachSecret(o, func(path string, s *Secret) {
			if s.IsMasked() {
				lost = append(lost, path)
			}
		})
		for _, path := range lost {
			if err := c.report(r.String(), "%s is no longer stored: enter it again with dialtree apply", path); err != nil {
				return err
			}
			c.problems[len(c.problems)-1].minor = true
		}
		connector, ok := o.(*Connector)
		if !ok {
			return nil
		}
		for _, ref := range connectorRefs(connector) {
			if !objectExists(c.tx, ref.object) {
				if err := c.report(r.String(), "%s: %s does not exist", ref.path, ref.object); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// clearSecrets checks that an object's literals are sealed, and none is in the object itself.
func (c *checker) clearSecrets(r ObjectRef) error {
	o, ok := NewObject(r.Kind)
	if !ok || json.Unmarshal(c.tx.Bucket(bucketObjects).Get(objectKey(r)), o) != nil {
		return nil // reported already
	}
	var inClear []string
	eachSecret(o, func(path string, s *Secret) {
		if s.IsLiteral() {
			inClear = append(inClear, path)
		}
	})
	for _, path := range inClear {
		if err := c.report(r.String(), "%s is stored in clear text: change it with dialtree apply", path); err != nil {
			return err
		}
	}
	return nil
}

// sealed checks that each sealed literal opens and that an object has it.
func (c *checker) sealed() error {
	return c.forEach(bucketSealed, func(k, v []byte) error {
		r := parseSealedKey(k)
		if c.s.key == nil {
			return c.report(r.String(), "there is no key to open it")
		}
		if _, err := c.s.key.open(k, v); err != nil {
			return c.report(r.String(), "%v", err)
		}
		o, err := readObject(c.tx, c.s.key, r.Object)
		if err != nil {
			return c.report(r.String(), "%v", err)
		}
		used := false
		eachSecret(o, func(path string, s *Secret) { used = used || path == r.Path && s.IsLiteral() })
		if !used {
			return c.report(r.String(), "it is sealed but the object does not have it")
		}
		return nil
	})
}

// log checks that the log of changes has no gap, ends with the last change, and counts right.
func (c *checker) log() error {
	var last, refs uint64
	err := c.forEach(bucketLog, func(k, v []byte) error {
		set, err := decodeChangeSet(k, v)
		if err != nil {
			return c.report("log of changes", "%v", err)
		}
		if last != 0 && set.Seq != last+1 {
			if err := c.report("log of changes", "change %d follows change %d", set.Seq, last); err != nil {
				return err
			}
		}
		last, refs = set.Seq, refs+uint64(len(set.Refs))
		return nil
	})
	if err != nil {
		return err
	}
	if last != c.seq {
		if err := c.report("log of changes", "it ends with change %d, but the store's last change is %d", last, c.seq); err != nil {
			return err
		}
	}
	if stored := metaNumber(c.tx, metaLogRefs); stored != refs {
		return c.report("log of changes", "it holds %d references, but %d are counted", refs, stored)
	}
	return nil
}

func (c *checker) runs() error {
	return c.forEach(bucketRuns, func(k, v []byte) error {
		connector, n, ok := parseRunKey(k)
		if !ok {
			return c.report(fmt.Sprintf("run with the key %q", k), "the key is not one of a run")
		}
		where := "run " + runID(connector, n)
		run, err := decodeRun(v)
		switch {
		case err != nil:
			return c.report(where, "%v", err)
		case run.ID != runID(connector, n) || run.Connector != connector:
			return c.report(where, "it calls itself %s", run.ID)
		case run.Seq > c.seq:
			return c.report(where, "its change %d is later than the store's last change %d", run.Seq, c.seq)
		case connector != HandImports && !objectExists(c.tx, ObjectRef{ObjectConnector, connector}):
			return c.report(where, "connector %s does not exist", connector)
		}
		return nil
	})
}

// images checks that what runs replaced can be read and belongs to a run.
func (c *checker) images() error {
	var run []byte // that the chunk before this one is of
	var next uint64
	return c.forEach(bucketImages, func(k, v []byte) error {
		connector, n, ok := parseRunKey(k[:max(len(k)-8, 0)])
		if !ok {
			return c.report(fmt.Sprintf("images with the key %q", k), "the key is not one of a run")
		}
		if of := k[:len(k)-8]; !bytes.Equal(of, run) {
			run, next = bytes.Clone(of), 0
		}
		wanted, chunkNumber := next, binary.BigEndian.Uint64(k[len(k)-8:])
		next = chunkNumber + 1
		where := "what run " + runID(connector, n) + " replaced"
		if c.tx.Bucket(bucketRuns).Get(runKey(connector, n)) == nil {
			return c.report(where, "the run does not exist")
		}
		if chunkNumber != wanted {
			if err := c.report(where, "part %d is missing: the run cannot be undone", wanted); err != nil {
				return err
			}
		}
		chunk, err := unpack(v)
		if err != nil {
			return c.report(where, "%v", err)
		}
		for _, err := range images(chunk) {
			if err != nil {
				return c.report(where, "%v", err)
			}
		}
		return nil
	})
}

func parseRunKey(k []byte) (connector string, n uint64, ok bool) {
	if len(k) < 9 || k[len(k)-9] != 0 {
		return "", 0, false
	}
	connector = string(k[:len(k)-9])
	return connector, binary.BigEndian.Uint64(k[len(k)-8:]), validObjectName(connector)
}
