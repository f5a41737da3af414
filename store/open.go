package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	fileName    = "dialtree.db"
	keyFileName = "secret.key"
)

// Options say where a store is and how it is opened.
type Options struct {
	Dir         string           // created with mode 0700 where it does not exist
	LockTimeout time.Duration    // how long to wait for another process; 0: 2s
	ReadOnly    bool             // several processes may read while none writes
	Now         func() time.Time // nil: time.Now; called concurrently
}

// A Store is an open store. Its methods may be called concurrently.
type Store struct {
	db      *bbolt.DB
	dir     string
	now     func() time.Time
	storeID [16]byte
	key     *sealer
	images  int         // sharedImages; tests have less
	file    fs.FileInfo // of the file that is open
	lost    string      // what was lost with a meta page; empty: nothing
	state   atomic.Pointer[state]
	damage  atomic.Pointer[CorruptError] // the first page that could not be read
	failed  atomic.Pointer[WriteError]   // the last change, when it could not be written
	schema  atomic.Uint64                // the version that the content has
	member  atomic.Pointer[Membership]   // changed by who has the writer's token; Cluster is empty where the store is alone
	decides atomic.Pointer[Committer]    // about changes of a member; nil: nobody
	writer  chan struct{}                // holds a token while Apply or Check works; unlike bbolt's lock it can be waited for with a context

	mu      sync.Mutex    // guards changed, trusted and closed
	changed chan struct{} // closed at a commit, then replaced
	trusted uint64        // changes before it may be those of a content that ReplaceContent put away
	closed  bool
}

// state is what a commit publishes.
type state struct {
	seq    uint64
	counts Counts
}

// Open opens the store in a directory and creates it where there is none. Its errors are *DirError, *LockedError,
// *CorruptError, *NewerSchemaError, *KeyFileError, *LostKeyError, or plain.
func Open(ctx context.Context, o Options) (*Store, error) {
	return open(ctx, o, currentSchema())
}

func open(ctx context.Context, o Options, sc schema) (*Store, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if o.Dir == "" {
		return nil, errors.New("open store: no data directory is given")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	path := filepath.Join(o.Dir, fileName)
	if !o.ReadOnly {
		if err := prepareDir(o.Dir, path); err != nil {
			return nil, err
		}
	}
	db, lost, err := openFile(ctx, path, o.LockTimeout, o.ReadOnly)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, errors.Join(&DirError{Dir: o.Dir, Err: plainCause(err)}, db.Close())
	}
	s := &Store{db: db, dir: o.Dir, now: o.Now, lost: lost, images: sharedImages, file: info, writer: make(chan struct{}, 1), changed: make(chan struct{})}
	if !o.ReadOnly {
		err = removeLeftovers(o.Dir)
	}
	if err = errors.Join(err, s.start(ctx, o.ReadOnly, sc)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// removeLeftovers removes what a process that was killed has left half-made: a store, a key, a copy. Whoever calls it has the
// lock of the store.
func removeLeftovers(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return &DirError{Dir: dir, Err: plainCause(err)}
	}
	for _, f := range files {
		for _, pattern := range [...]string{".create-*", "." + keyFileName + ".*.tmp", "." + fileName + ".*.tmp", restoring.temp, joining.temp} {
			if left, err := filepath.Match(pattern, f.Name()); err != nil || !left {
				continue
			}
			if err := os.RemoveAll(filepath.Join(dir, f.Name())); err != nil {
				return &DirError{Dir: dir, Err: plainCause(err)}
			}
		}
	}
	return nil
}

// start brings an opened file up to date and reads what the store keeps in memory.
func (s *Store) start(ctx context.Context, readOnly bool, sc schema) (err error) {
	defer s.contain(&err, debug.SetPanicOnFault(true))
	if err := s.migrate(ctx, readOnly, sc); err != nil {
		return err
	}
	if err := s.openKey(readOnly); err != nil {
		return err
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		counts, err := readCounts(tx)
		if err != nil {
			return &CorruptError{Path: s.db.Path(), Err: err}
		}
		copy(s.storeID[:], tx.Bucket(bucketMeta).Get(metaStoreID))
		s.state.Store(&state{seq: metaNumber(tx, metaSeq), counts: counts})
		s.member.Store(readMembership(tx))
		return nil
	})
}

// Lost says what was lost before the store was opened, in a sentence; empty: nothing.
func (s *Store) Lost() string { return s.lost }

// Dir returns the directory that the store is in.
func (s *Store) Dir() string { return s.dir }

// Close waits for reads that are under way, ends Waits with ErrClosed and releases the file. Closing twice is fine.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.changed)
	s.mu.Unlock()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// prepareDir creates what is not there: the directory, and the file with its buckets.
func prepareDir(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &DirError{Dir: dir, Err: plainCause(err)}
	}
	if err := finishReplacements(dir); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := create(path); err != nil {
			return &DirError{Dir: dir, Err: plainCause(err)}
		}
	case err != nil:
		return &DirError{Dir: dir, Err: plainCause(err)}
	case info.Size() == 0: // bbolt would take it for a new file, and everything that was in it for gone
		return &CorruptError{Path: path, Err: errors.New("the file is empty")}
	}
	return nil
}

// create makes an empty store under a temporary name and gives it its own only when it is on the disk: a bbolt file
// that loses power while it is initialised cannot be opened again (etcd-io/bbolt issue 567).
func create(path string) (err error) {
	dir := filepath.Dir(path)
	temp, err := os.MkdirTemp(dir, ".create-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	made := filepath.Join(temp, fileName)
	db, err := bbolt.Open(made, 0o600, fileOptions(time.Second, false))
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range allBuckets() {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		var storeID [16]byte
		rand.Read(storeID[:]) // never fails, says crypto/rand
		return errors.Join(
			putMetaNumber(tx, metaSchema, schemaVersion),
			putMetaNumber(tx, metaSeq, 0),
			putMetaNumber(tx, metaLogRefs, 0),
			tx.Bucket(bucketMeta).Put(metaStoreID, storeID[:]),
			putJSON(tx.Bucket(bucketMeta), metaCounts, Counts{}),
		)
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, does not replace the store that another process made in the meantime.
	if err := os.Link(made, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// fileOptions are how bbolt opens the file. The list of free pages is kept in the file (no NoFreelistSync): finding it again walks all pages
// at every start, in a goroutine whose panics nobody can recover. The map covers 1 GiB of addresses, not of
// memory, from the start: a file that outgrows its map makes the writer wait for all readers.
func fileOptions(timeout time.Duration, readOnly bool) *bbolt.Options {
	return &bbolt.Options{
		Timeout:         timeout,
		ReadOnly:        readOnly,
		FreelistType:    bbolt.FreelistMapType,
		NoStatistics:    true,
		InitialMmapSize: 1 << 30,
	}
}

// openFile opens an existing file when its pages hold together. bbolt panics on some damage, and reading behind the end of a file that was cut
// off is a fault: both become errors here, and the file is closed, for otherwise it would stay locked. lost says what is gone of a file that
// is sound otherwise.
func openFile(ctx context.Context, path string, timeout time.Duration, readOnly bool) (db *bbolt.DB, lost string, err error) {
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	var f *os.File
	options := fileOptions(timeout, readOnly)
	options.OpenFile = func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
		f, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
		return f, err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			_, err = checkFile(ctx, f) // which says more
			if err == nil {
				err = &CorruptError{Path: path, Err: errors.New(describe(r))}
			}
			// Closing alone keeps the lock: bbolt's map, which nobody can take down now, holds on to the open file.
			unlock := syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
			db, err = nil, errors.Join(err, unlock, f.Close())
		}
	}()
	db, err = bbolt.Open(path, 0o600, options)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, "", &LockedError{Path: path, Waited: timeout}
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", notFound("the store %s", path)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOMEM):
		return nil, "", &DirError{Dir: filepath.Dir(path), Err: plainCause(err)}
	case err != nil:
		return nil, "", &CorruptError{Path: path, Err: err}
	}
	if lost, err = checkFile(ctx, f); err == nil && !readOnly {
		err = confirm(path, f)
	}
	if err != nil {
		return nil, "", errors.Join(err, db.Close())
	}
	return db, lost, nil
}

// checkFile looks whether the pages of a file hold together, of which the first that does not is told. Whoever reads behind
// this needs no fear of faults, unless the disk loses something later.
func checkFile(ctx context.Context, f *os.File) (lost string, err error) {
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if _, lost, err = readMeta(f); err != nil {
		return "", &CorruptError{Path: f.Name(), Err: err}
	}
	return lost, checkPages(ctx, f, info.Size(), func(format string, args ...any) error {
		return &CorruptError{Path: f.Name(), Err: fmt.Errorf(format, args...)}
	})
}

// confirm writes the meta page that counts once more and waits for the disk. The last process may have written it and not have
// learned that the disk does not have it: see commit.
func confirm(path string, f *os.File) error {
	meta, _, err := readMeta(f)
	if err != nil {
		return err
	}
	raw := make([]byte, meta.pageSize)
	at := int64(meta.page) * meta.pageSize
	if _, err := f.ReadAt(raw, at); err != nil {
		return &CorruptError{Path: path, Err: err}
	}
	_, err = f.WriteAt(raw, at)
	if err = errors.Join(err, f.Sync()); err != nil {
		return &DirError{Dir: filepath.Dir(path), Err: plainCause(err)}
	}
	return nil
}

// plainCause drops the system call and the path, which the sentence around it names already.
func plainCause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
