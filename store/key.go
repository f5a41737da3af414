package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"go.etcd.io/bbolt"
)

// keyCheck is sealed in the file, so that another store's key is told from damage.
const keyCheck = "dialtree"

func (s *Store) keyPath() string { return filepath.Join(s.dir, keyFileName) }

// openKey reads the key file, or makes one where nothing is sealed yet.
func (s *Store) openKey(readOnly bool) error {
	key, err := readKey(s.keyPath())
	if err != nil {
		return err
	}
	var fits, member bool
	var sealed []SecretRef
	err = s.db.View(func(tx *bbolt.Tx) error {
		fits = key != nil && keyFits(tx, key)
		sealed = sealedSecrets(tx)
		member = tx.Bucket(bucketMeta).Get(metaCluster) != nil
		return nil
	})
	switch {
	case err != nil:
		return err
	case fits:
		s.key = key
		return nil
	case member:
		return &KeyFileError{Path: s.keyPath(), Message: "is not the key that the nodes of the cluster have in common, or is missing: copy secret.key from another node"}
	case len(sealed) > 0:
		return &LostKeyError{KeyPath: s.keyPath(), Foreign: key != nil, Secrets: sealed}
	case readOnly:
		return nil // nothing to open, and nothing can be sealed
	}
	return s.adoptKey(key)
}

// adoptKey makes a key that of the store, which has nothing sealed; a new one when it is nil.
func (s *Store) adoptKey(key *sealer) error {
	if key == nil {
		var err error
		if key, err = createKey(s.keyPath()); err != nil {
			return &DirError{Dir: s.dir, Err: plainCause(err)}
		}
	}
	s.key = key
	return s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(metaKeyCheck, key.seal(metaKeyCheck, keyCheck))
	})
}

func keyFits(tx *bbolt.Tx, key *sealer) bool {
	text, err := key.open(metaKeyCheck, tx.Bucket(bucketMeta).Get(metaKeyCheck))
	return err == nil && text == keyCheck
}

// sealedSecrets names all secrets that are sealed in the file.
func sealedSecrets(tx *bbolt.Tx) []SecretRef {
	var refs []SecretRef
	c := tx.Bucket(bucketSealed).Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		refs = append(refs, parseSealedKey(k))
	}
	return refs
}

func parseSealedKey(k []byte) SecretRef {
	kind, rest, _ := strings.Cut(string(k), "/")
	name, path, _ := strings.Cut(rest, "/")
	return SecretRef{Object: ObjectRef{Kind: ObjectKind(kind), Name: name}, Path: path}
}

// ForgetSecrets gives a store whose key is lost a new one. It returns the secrets that are gone: until they are entered again, using
// one is an error that says so, and Check names them. A key file that is there is kept with the ending .old.
func ForgetSecrets(ctx context.Context, dir string) ([]SecretRef, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	db, _, err := openFile(ctx, filepath.Join(dir, fileName), 0, false)
	if err != nil {
		return nil, err
	}
	forgotten, err := forgetSecrets(&Store{db: db, dir: dir})
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, fmt.Errorf("forget secrets: %w", err)
	}
	return forgotten, nil
}

func forgetSecrets(s *Store) (forgotten []SecretRef, err error) {
	defer s.contain(&err, debug.SetPanicOnFault(true))
	if err := s.checkForgetting(); err != nil {
		return nil, err
	}
	if err := ignoreMissing(os.Rename(s.keyPath(), s.keyPath()+".old")); err != nil {
		return nil, err
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		forgotten = sealedSecrets(tx)
		if err := tx.DeleteBucket(bucketSealed); err != nil {
			return err
		}
		_, err := tx.CreateBucket(bucketSealed)
		return err
	})
	if err != nil {
		return nil, err
	}
	return forgotten, s.adoptKey(nil)
}

// checkForgetting looks whether the secrets of a store may be forgotten: not those that others have.
func (s *Store) checkForgetting() error {
	var schema uint64
	err := s.db.View(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketMeta) == nil {
			return &CorruptError{Path: s.db.Path(), Err: errors.New("it is not a store of Dialtree")}
		}
		schema = metaNumber(tx, metaSchema)
		if cluster := readMembership(tx).Cluster; cluster != "" {
			return fmt.Errorf("this store is a node of the cluster %s, whose other nodes have the key: copy secret.key from one of them", cluster)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.checkBuckets(schema)
}
