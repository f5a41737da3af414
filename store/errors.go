package store

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What callers must tell apart. The types below carry the details and answer errors.Is for these.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("conflict")
	ErrTooOld   = errors.New("the log of changes no longer reaches back that far: read everything again")
	ErrClosed   = errors.New("the store is closed")
)

// A NotFoundError names what is not there.
type NotFoundError struct{ What string }

func (e *NotFoundError) Error() string        { return e.What + " does not exist" }
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

func notFound(format string, args ...any) error {
	return &NotFoundError{What: fmt.Sprintf(format, args...)}
}

// A FieldError says which key of an object is wrong, and why.
type FieldError struct {
	Path    string // such as "tls.ca_file" or "urls[1]"
	Message string
}

func (e *FieldError) Error() string { return e.Path + ": " + e.Message }

func fieldErrorf(path, format string, args ...any) error {
	return &FieldError{Path: path, Message: fmt.Sprintf(format, args...)}
}

// An ObjectError is an object that Apply refused. It wraps a *FieldError or an *InUseError.
type ObjectError struct {
	Object ObjectRef
	Err    error
}

func (e *ObjectError) Error() string { return fmt.Sprintf("%s: %v", e.Object, e.Err) }
func (e *ObjectError) Unwrap() error { return e.Err }

// An InUseError refuses the removal of an object that something refers to.
type InUseError struct {
	By []string // the first that refer to it, in words
}

func (e *InUseError) Error() string { return "is in use by " + strings.Join(e.By, ", ") }

// An EntryError is an entry of Changes.Put that breaks a rule.
type EntryError struct {
	Index   int // in Changes.Put
	Entry   EntryName
	Field   FieldID // 0: not about a field
	Message string
}

func (e *EntryError) Error() string {
	if e.Field != 0 {
		return fmt.Sprintf("%s: %s: %s", e.Entry, e.Field, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Entry, e.Message)
}

// An EntryName says which entry is meant, for people and for programs.
type EntryName struct {
	Kind  Kind
	ID    string // empty for an entry that has none yet
	Owner string // empty when made by hand
	Key   string // the source's key
	Name  string // the user name, short code or display name
}

func (n EntryName) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q", n.Kind, n.Name)
	switch {
	case n.Owner != "":
		fmt.Fprintf(&b, " (of connector %s, key %q", n.Owner, n.Key)
	default:
		b.WriteString(" (made by hand")
	}
	if n.ID != "" {
		fmt.Fprintf(&b, ", ID %s", n.ID)
	}
	b.WriteString(")")
	return b.String()
}

// A ConflictError refuses an entry of which there may be only one.
type ConflictError struct {
	Index int    // of Entry in Changes.Put
	Field string // username, shortcode, key or id
	Value string // what both have, normalised
	Entry EntryName
	Other EntryName
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s %q of %s already belongs to %s", e.Field, e.Value, e.Entry, e.Other)
}

func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// A ChangedError says that an entry is no longer as Changes.Expect has it.
type ChangedError struct {
	Ref  Ref
	Want uint64
	Have uint64 // 0: the entry does not exist
}

func (e *ChangedError) Error() string {
	if e.Have == 0 {
		return fmt.Sprintf("%s %s was removed since it was read", e.Ref.Kind, e.Ref.ID)
	}
	return fmt.Sprintf("%s %s was changed since it was read (change %d, not %d)", e.Ref.Kind, e.Ref.ID, e.Have, e.Want)
}

func (e *ChangedError) Is(target error) bool { return target == ErrConflict }

// A DirError is a data directory that cannot be used.
type DirError struct {
	Dir string
	Err error
}

func (e *DirError) Error() string {
	return fmt.Sprintf("data directory %s cannot be used: %v: give the user that runs dialtree write access to it, or choose another with data_dir", e.Dir, e.Err)
}
func (e *DirError) Unwrap() error { return e.Err }

// A LockedError says that another process has the store open.
type LockedError struct {
	Path   string
	Waited time.Duration
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is held by another process (waited %s): stop the running dialtree, or use commands that talk to it", e.Path, e.Waited)
}

// A NewerSchemaError says that the file was written by a later version of Dialtree.
type NewerSchemaError struct {
	Path        string
	Have, Known int
}

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("%[1]s has schema version %[2]d, but this dialtree knows versions up to %[3]d: run the dialtree that wrote it, or a newer one; or go back to what was before the upgrade: "+
		"while no dialtree runs, put the copy that the upgrade made (%[1]s.schema-%[3]d, or the one with the highest number up to that) in its place", e.Path, e.Have, e.Known)
}

// A CorruptError says that the file cannot be read as a store.
type CorruptError struct {
	Path string
	Err  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged (%v): put it aside and restore a backup with dialtree restore, or start with an empty store and run the connectors again", e.Path, e.Err)
}
func (e *CorruptError) Unwrap() error { return e.Err }

// A WriteError is a change that could not be written.
type WriteError struct {
	Path    string
	Err     error
	InDoubt bool // readers see the change, but whether the disk has it is not known
	Made    bool // by the other nodes that share the content: this one gets it from them once it can write again
}

func (e *WriteError) Error() string {
	cause := plainCause(e.Err)
	switch {
	case e.Made:
		return fmt.Sprintf("the change was made for all nodes, but this one cannot write it to %s (%v): see to the disk that it is on, and start dialtree again if it does not go on by itself; do not make the change again", e.Path, cause)
	case e.InDoubt:
		return fmt.Sprintf("the disk failed while a change of %s was being confirmed (%v): whether the change lasts is not known, and no other is taken; logins and searches go on: see to the disk, start dialtree again, and look whether the change is there", e.Path, cause)
	case errors.Is(e.Err, errGone):
		return fmt.Sprintf("nothing was changed: %s cannot be written (%v): put it back, or stop dialtree and restore a backup with dialtree restore; until then logins and searches go on", e.Path, cause)
	case Full(e.Err):
		return fmt.Sprintf("nothing was changed: %s cannot be written (%v): make room on the disk that it is on; dialtree goes on by itself then", e.Path, cause)
	}
	return fmt.Sprintf("nothing was changed: %s cannot be written (%v): see to the disk that it is on; logins and searches go on", e.Path, cause)
}
func (e *WriteError) Unwrap() error { return e.Err }

// A LostKeyError says that the stored secrets cannot be opened.
type LostKeyError struct {
	KeyPath string
	Foreign bool // there is a key file, but it is another store's
	Secrets []SecretRef
}

func (e *LostKeyError) Error() string {
	what := "is missing"
	if e.Foreign {
		what = "is not the key that this store was sealed with"
	}
	names := make([]string, len(e.Secrets))
	for i, s := range e.Secrets {
		names[i] = s.String()
	}
	return fmt.Sprintf("%s %s: put the right file back (a backup holds it); if it is lost for good, start with dialtree serve --forget-secrets and enter again: %s",
		e.KeyPath, what, strings.Join(names, ", "))
}

// A KeyFileError is a key file that must not be used as it is.
type KeyFileError struct {
	Path    string
	Message string
}

func (e *KeyFileError) Error() string { return e.Path + " " + e.Message }

// A SecretRef names a secret of an object.
type SecretRef struct {
	Object ObjectRef
	Path   string // such as "search.password"
}

func (r SecretRef) String() string { return fmt.Sprintf("%s of %s", r.Path, r.Object) }
