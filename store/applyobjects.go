package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

func (a *applier) putObjects() error {
	put := make(map[ObjectRef]bool)
	for i, o := range a.c.PutObjects {
		r := RefOf(o)
		if put[r] {
			return &ObjectError{r, fieldErrorf("name", "is given twice")}
		}
		put[r] = true
		effect, err := a.putObject(r, o)
		if err != nil {
			return &ObjectError{r, err}
		}
		a.applied.Objects[i] = effect
	}
	for _, r := range a.c.RemoveObjects {
		if put[r] {
			return &ObjectError{r, fieldErrorf("name", "is both put and removed")}
		}
		a.removed[r] = true
	}
	return nil
}

// putObject stores an object as JSON, in which literals are masked, and seals the literals beside it.
func (a *applier) putObject(r ObjectRef, o Object) (Effect, error) {
	if err := o.Validate(); err != nil {
		return Unchanged, err
	}
	data, err := json.Marshal(o)
	if err != nil {
		return Unchanged, err
	}
	before := a.tx.Bucket(bucketObjects).Get(objectKey(r))
	secretsChanged, err := a.putSecrets(r, o)
	if err != nil {
		return Unchanged, err
	}
	effect := Updated
	switch {
	case before == nil:
		effect = Created
	case bytes.Equal(before, data) && len(secretsChanged) == 0:
		return Unchanged, nil
	}
	a.auditObject(r, before, data, secretsChanged)
	a.objects = append(a.objects, r)
	return effect, a.w.table(bucketObjects).Put(objectKey(r), data)
}

// putSecrets seals what changed and drops what is no longer a literal. It returns the paths of both.
func (a *applier) putSecrets(r ObjectRef, o Object) (changed []string, err error) {
	b := a.w.table(bucketSealed)
	keep := make(map[string]bool)
	eachSecret(o, func(path string, s *Secret) {
		place := sealedKey(r, path)
		sealed := b.Get(place)
		switch {
		case err != nil:
		case s.IsMasked():
			if keep[path] = true; sealed == nil {
				err = fieldErrorf(path, "there is no stored secret to keep: give it, or {env: NAME} or {file: PATH}")
			}
		case s.IsLiteral():
			keep[path] = true
			if sealed != nil {
				if plain, openErr := a.s.key.open(place, sealed); openErr == nil && plain == s.text {
					return
				}
			}
			changed = append(changed, path)
			err = b.Put(place, a.s.key.seal(place, s.text))
		}
	})
	if err != nil {
		return nil, err
	}
	prefix := sealedKey(r, "")
	var stale [][]byte // bbolt's cursors skip keys when one is deleted under them
	c := b.Cursor()
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		if !keep[string(k[len(prefix):])] {
			stale = append(stale, bytes.Clone(k))
		}
	}
	for _, k := range stale {
		changed = append(changed, string(k[len(prefix):]))
		if err := b.Delete(k); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

// removeObjects runs after the entries were written, when the counts say what still refers to an object.
func (a *applier) removeObjects() error {
	for _, r := range a.c.RemoveObjects {
		if !objectExists(a.tx, r) {
			return notFound("%s", r)
		}
		if by := a.entriesOf(r); by != "" {
			return &ObjectError{r, &InUseError{By: []string{by}}}
		}
		a.auditObject(r, a.tx.Bucket(bucketObjects).Get(objectKey(r)), nil, nil)
		if err := a.w.table(bucketObjects).Delete(objectKey(r)); err != nil {
			return err
		}
		for _, s := range sealedSecrets(a.tx) {
			if s.Object != r {
				continue
			}
			if err := a.w.table(bucketSealed).Delete(sealedKey(r, s.Path)); err != nil {
				return err
			}
		}
		if r.Kind == ObjectConnector {
			if err := errors.Join(removeRuns(&a.w, r.Name, 0), a.forgetPlan(r.Name)); err != nil {
				return err
			}
		}
		a.objects = append(a.objects, r)
	}
	return nil
}

// entriesOf says in words which entries refer to an object.
func (a *applier) entriesOf(r ObjectRef) string {
	switch r.Kind {
	case ObjectUpstream:
		return plural(a.counts.Upstreams[r.Name], "user")
	case ObjectPhonebook:
		return plural(a.counts.Phonebooks[r.Name], "contact")
	case ObjectConnector:
		if n := a.counts.Connectors[r.Name]; n > 0 {
			return plural(n, "entry that it created")
		}
	}
	return ""
}

func plural(n int, what string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 " + what
	}
	first, rest, _ := strings.Cut(what, " ")
	if first == "entry" {
		first = "entrie"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %ss %s", n, first, rest))
}

// checkObjectReferences looks whether connectors refer to objects that exist: those that were put, and all when something was removed.
func (a *applier) checkObjectReferences() error {
	put := make(map[ObjectRef]bool)
	for _, o := range a.c.PutObjects {
		put[RefOf(o)] = true
	}
	if len(put) == 0 && len(a.removed) == 0 {
		return nil
	}
	for _, r := range objectRefs(a.tx, ObjectConnector) {
		if !put[r] && len(a.removed) == 0 {
			continue
		}
		o, err := readObject(a.tx, a.s.key, r)
		if err != nil {
			return err
		}
		for _, ref := range connectorRefs(o.(*Connector)) {
			if objectExists(a.tx, ref.object) {
				continue
			}
			if a.removed[ref.object] {
				return &ObjectError{ref.object, &InUseError{By: []string{r.String()}}}
			}
			return &ObjectError{r, fieldErrorf(ref.path, "%s does not exist: create it first, or in the same file (kind: %s, name: %s)", ref.object, ref.object.Kind, ref.object.Name)}
		}
	}
	return nil
}

type pathRef struct {
	path   string
	object ObjectRef
}

// connectorRefs returns the objects that a connector names.
func connectorRefs(c *Connector) []pathRef {
	var refs []pathRef
	if _, phonebook, err := ParseTarget(c.Target); err == nil && phonebook != "" {
		refs = append(refs, pathRef{"target", ObjectRef{ObjectPhonebook, phonebook}})
	}
	if c.Authentication != nil && c.Authentication.Upstream != "" {
		refs = append(refs, pathRef{"authentication.upstream", ObjectRef{ObjectUpstream, c.Authentication.Upstream}})
	}
	if c.After != "" {
		refs = append(refs, pathRef{"after", ObjectRef{ObjectConnector, c.After}})
	}
	return refs
}
