package file

import (
	"context"
	"io"
	"time"
)

// An Opener is a file as the sources see it: they do not know where its bytes come from.
type Opener interface {
	// Name is what messages call the file. It holds no secret.
	Name() string
	// Open fetches the file, complete and at one moment, until Close.
	// Its error is a sentence for the administrator with the name.
	Open(ctx context.Context) (Content, error)
}

// A Content is a whole file at its beginning.
type Content interface {
	io.ReadSeekCloser
	io.ReaderAt
	Size() int64
	// Notes say in sentences what the administrator should know of how it was fetched.
	Notes() []string
}

// A Place is where a file lies: a disk, a share, a web server. It is implemented once for each
// kind of them. It keeps nothing between two calls of Open, which may overlap.
type Place interface {
	// Name is as that of an Opener.
	Name() string
	// Open begins to read the file. Its error is a sentence with the name. When ctx ends,
	// Open and all that the Stream does should end, and no more is expected of them.
	Open(ctx context.Context) (Stream, error)
}

// A Stream is a file being read once, from its beginning to io.EOF. Its errors are without the name.
type Stream interface {
	io.ReadCloser
	// State asks how the file is now.
	State() (State, error)
	// Notes are as those of a Content. They are asked for at the end.
	Notes() []string
}

// A State changes when the file is written.
type State struct {
	Size     int64     // -1: unknown
	Modified time.Time // zero: unknown
}
