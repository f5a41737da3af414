package file

import (
	"context"
	"fmt"
	"iter"

	"github.com/dialtree/dialtree/syncer/source"
)

// Records is source.Source's Records for what is read from a file. read yields the records of an opened file, and false when the
// caller wants no more; its error is told with the file's name. notes are begun anew with those of opening the file.
func Records(ctx context.Context, f Opener, notes *[]string, read func(context.Context, Content, func(source.Record, error) bool) (more bool, err error)) iter.Seq2[source.Record, error] {
	return func(yield func(source.Record, error) bool) {
		*notes = nil
		content, err := f.Open(ctx)
		if err != nil {
			yield(source.Record{}, err) // has the name
			return
		}
		defer content.Close() // read only: closing loses nothing
		*notes = append(*notes, content.Notes()...)
		more, err := read(ctx, content, yield)
		if more && err != nil {
			yield(source.Record{}, fmt.Errorf("%s: %w", f.Name(), err))
		}
	}
}
