package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Join makes a store in a directory that has none, or puts one in the place of the one that is there, which is kept with the ending .before-join. The new one has
// the origin and the content of a cluster. fill is called with the new store, which has the position 0, to call ReplaceContent and Follow. Until it returns nil, nothing is
// replaced. No process may have the store open.
func Join(ctx context.Context, dir, cluster string, o Origin, fill func(*Store) error) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &DirError{Dir: dir, Err: plainCause(err)}
	}
	if err := finishReplacements(dir); err != nil {
		return err
	}
	old, err := lockFile(ctx, filepath.Join(dir, fileName), 500*time.Millisecond)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		defer old.Close()
	}
	if err := prepareJoin(ctx, dir, cluster, o, fill); err != nil {
		return fmt.Errorf("join (nothing was changed): %w", err)
	}
	return finishReplacements(dir)
}

// prepareJoin makes the new store. With the rename at its end the join is decided.
func prepareJoin(ctx context.Context, dir, cluster string, o Origin, fill func(*Store) error) (err error) {
	temp := filepath.Join(dir, joining.temp)
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	if err := os.Mkdir(temp, 0o700); err != nil {
		return &DirError{Dir: dir, Err: plainCause(err)}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	s, err := openOrigin(ctx, temp, cluster, o)
	if err != nil {
		return err
	}
	if err := errors.Join(fill(s), s.Close()); err != nil {
		return err
	}
	return joining.decide(dir)
}

// openOrigin makes an empty store that is a node of a cluster.
func openOrigin(ctx context.Context, dir, cluster string, o Origin) (*Store, error) {
	text, err := o.Key.Resolve()
	if err != nil {
		return nil, err
	}
	key, err := newSealer(text)
	if err != nil {
		return nil, fmt.Errorf("the cluster's key for secrets %w", err)
	}
	err = writeFile(filepath.Join(dir, keyFileName), 0o600, func(w io.Writer) error {
		_, err := io.WriteString(w, key.text)
		return err
	})
	if err != nil {
		return nil, err
	}
	s, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(w *writes) error {
		return errors.Join(w.table(bucketMeta).Put(metaStoreID, o.StoreID[:]), become(w, Membership{Cluster: cluster, Node: newUUID()}))
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.storeID = o.StoreID
	return s, nil
}
