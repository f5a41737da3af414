package store

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"
)

// Object returns a copy of an object with its secrets, or a *NotFoundError. What was left out when it was put is
// left out here; WithDefaults fills it.
func (s *Store) Object(k ObjectKind, name string) (Object, error) {
	return view(s, func(v *Snapshot) (Object, error) { return v.Object(k, name) })
}

// Object is Store.Object at the snapshot.
func (v *Snapshot) Object(k ObjectKind, name string) (Object, error) {
	return readObject(v.tx, v.s.key, ObjectRef{Kind: k, Name: name})
}

// Objects returns copies of all objects of a kind, ordered by name.
func (s *Store) Objects(k ObjectKind) ([]Object, error) {
	return view(s, func(v *Snapshot) ([]Object, error) { return v.Objects(k) })
}

// Objects is Store.Objects at the snapshot.
func (v *Snapshot) Objects(k ObjectKind) ([]Object, error) {
	var objects []Object
	for _, r := range objectRefs(v.tx, k) {
		o, err := readObject(v.tx, v.s.key, r)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}

// Upstream returns an upstream, or a *NotFoundError.
func (s *Store) Upstream(name string) (*Upstream, error) {
	return objectOf[*Upstream](s, ObjectUpstream, name)
}

// Connector returns a connector, or a *NotFoundError.
func (s *Store) Connector(name string) (*Connector, error) {
	return objectOf[*Connector](s, ObjectConnector, name)
}

// Phonebook returns a phonebook, or a *NotFoundError.
func (s *Store) Phonebook(name string) (*Phonebook, error) {
	return objectOf[*Phonebook](s, ObjectPhonebook, name)
}

// Device returns the device with this name, in whatever spelling, or a *NotFoundError.
func (s *Store) Device(name string) (*Device, error) {
	normal, ok := NormalizeName(name)
	if !ok {
		return nil, notFound("device %q", name)
	}
	return objectOf[*Device](s, ObjectDevice, normal)
}

func objectOf[T Object](s *Store, k ObjectKind, name string) (T, error) {
	o, err := s.Object(k, name)
	if err != nil {
		var none T
		return none, err
	}
	return o.(T), nil
}

func objectRefs(tx *bbolt.Tx, k ObjectKind) []ObjectRef {
	var refs []ObjectRef
	prefix := objectKey(ObjectRef{Kind: k})
	c := tx.Bucket(bucketObjects).Cursor()
	for key, _ := c.Seek(prefix); key != nil && bytes.HasPrefix(key, prefix); key, _ = c.Next() {
		refs = append(refs, ObjectRef{Kind: k, Name: string(key[len(prefix):])})
	}
	return refs
}

func objectExists(tx *bbolt.Tx, r ObjectRef) bool {
	return tx.Bucket(bucketObjects).Get(objectKey(r)) != nil
}

// readObject decodes an object and opens its secrets. One that is masked without a sealed literal was forgotten and stays masked.
func readObject(tx *bbolt.Tx, key *sealer, r ObjectRef) (Object, error) {
	o, ok := NewObject(r.Kind)
	data := tx.Bucket(bucketObjects).Get(objectKey(r))
	if !ok || data == nil {
		return nil, notFound("%s", r)
	}
	if err := json.Unmarshal(data, o); err != nil {
		return nil, fmt.Errorf("read %s: %w: run dialtree check", r, err)
	}
	var firstErr error
	eachSecret(o, func(path string, s *Secret) {
		place := sealedKey(r, path)
		sealed := tx.Bucket(bucketSealed).Get(place)
		if !s.IsMasked() || sealed == nil || firstErr != nil {
			return
		}
		literal, err := key.open(place, sealed)
		if err != nil {
			firstErr = fmt.Errorf("read %s: %w", r, err)
			return
		}
		*s = Literal(literal)
	})
	return o, firstErr
}
